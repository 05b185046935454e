"""The settings of an arm: what is refused, and what enters the digest."""

import math

import pytest
from pydantic import ValidationError

from common.errors import Refused
from common.suite import yaml
from common.suite.settings import Settings, flatten

LEAST = {"procedure": "prune_then_train", "model": "lenet_300_100", "data": "mnist"}


def parse(**changes):
    return yaml.parse(Settings, LEAST | changes, "arm a")


@pytest.mark.parametrize(
    "changes, words",
    [
        (
            {"procedure": "prune_then_trim"},
            ["unknown procedure", "did you mean 'prune_then_train'"],
        ),
        ({"model": "lenet5_cafe"}, ["unknown model 'lenet5_cafe', did you mean 'lenet5_caffe'"]),
        ({"data": "minst"}, ["unknown data set 'minst', did you mean 'mnist'", "cifar10"]),
        ({"criterion": "snap"}, ["unknown criterion 'snap', did you mean 'snip'"]),
        ({"criterion": "random", "layers_like": "snp"}, ["unknown criterion 'snp'"]),
        ({"init": "xavier"}, ["unknown initialiser 'xavier'", "xavier_normal"]),
        ({"scoring": {"init": "hee"}}, ["unknown initialiser 'hee'"]),
        ({"ablation": "shufle"}, ["unknown ablation 'shufle', did you mean 'shuffle'"]),
        ({"measures": ["counts", "count"]}, ["unknown measure 'count', did you mean 'counts'"]),
        ({"recipe": {"stepz": 5}}, ["unknown key 'recipe.stepz', did you mean 'recipe.steps'"]),
        ({"scoring": {"bach": 5}}, ["unknown key 'scoring.bach', did you mean 'scoring.batch'"]),
        ({"desnity": 0.5}, ["unknown key 'desnity', did you mean 'density'"]),
        ({"criterion": "snip", "density": 0}, ["density 0", "greater than 0"]),
        ({"criterion": "snip", "density": 1.2}, ["density 1.2", "less than or equal to 1"]),
        ({"criterion": "snip", "density": math.nan}, ["density nan", "finite number"]),
        ({"criterion": "snip", "density": "half"}, ["density 'half'", "valid number"]),
        ({"density": 0.5}, ["criterion 'dense' keeps every weight, but density is 0.5"]),
        (
            {"criterion": "snip", "layers_like": "snip"},
            ["layers_like goes with criterion 'random' alone"],
        ),
        ({"holdout": 1}, ["holdout 1", "less than 1"]),
        ({"subset": 0}, ["subset 0", "greater than or equal to 1"]),
        ({"recipe": {"lr": 0}}, ["recipe.lr 0", "greater than 0"]),
        ({"recipe": {"lr": math.inf}}, ["recipe.lr inf", "finite number"]),
        ({"recipe": {"steps": 0}}, ["recipe.steps 0", "greater than or equal to 1"]),
        ({"recipe": {"steps": 2.5}}, ["recipe.steps 2.5", "integer"]),
        ({"recipe": {"optimizer": "adamw"}}, ["recipe.optimizer 'adamw'", "'sgd' or 'adam'"]),
        ({"recipe": {"nesterov": True}}, ["recipe: nesterov", "momentum"]),
        (
            {"recipe": {"steps": 100, "milestones": [50, 100]}},
            ["recipe: milestones [50, 100] must lie before steps (100)"],
        ),
        ({"recipe": {"milestones": [5, 5]}}, ["recipe: milestones [5, 5] must increase"]),
        ({"recipe": {"milestones": [9, 5]}}, ["recipe: milestones [9, 5] must increase"]),
        ({"recipe": {"milestones": [0]}}, ["recipe.milestones.0 0", "greater than or equal to 1"]),
        ({"labels": True}, ["labels True", "'true' or 'random'"]),
        ({"recipe": 5}, ["recipe 5"]),
    ],
)
def test_bad_settings_are_refused_in_one_sentence(changes, words):
    with pytest.raises(Refused) as refused:
        parse(**changes)
    said = str(refused.value)
    assert said.startswith("arm a: ")
    assert "\n" not in said
    for word in words:
        assert word in said


@pytest.mark.parametrize("missing", LEAST)
def test_procedure_model_and_data_must_be_given(missing):
    given = {key: value for key, value in LEAST.items() if key != missing}
    with pytest.raises(Refused, match=f"^arm a: {missing}.*: Field required$"):
        yaml.parse(Settings, given, "arm a")


def test_networks_of_timm_and_torchvision_are_not_checked_here():
    assert parse(model="timm:resnet18").model == "timm:resnet18"


def test_settings_at_their_defaults_are_not_explicit():
    assert parse().explicit() == LEAST
    written = {
        "width": 1, "criterion": "dense", "density": 1, "scoring": {"batch": 100, "init": None},
        "recipe": {"steps": 1000, "milestones": [], "lr": 0.1}, "measures": [],
    }  # fmt: skip
    assert parse(**written).explicit() == LEAST


def test_settings_that_differ_are_explicit_and_nothing_else():
    found = parse(criterion="snip", density=0.5, scoring={"batch": 5, "batches": 1})
    assert found.explicit() == {
        **LEAST, "criterion": "snip", "density": 0.5, "scoring": {"batch": 5},
    }  # fmt: skip


def test_flat_settings_hold_every_default_under_dotted_keys():
    flat = parse(recipe={"lr": 0.5}).flat
    assert flat["recipe.lr"] == 0.5
    assert flat["recipe.momentum"] == 0.0
    assert flat["scoring.init"] is None
    assert flat["density"] == 1.0
    assert not any(isinstance(value, dict) for value in flat.values())


def test_flatten_joins_keys_with_dots():
    assert flatten({"a": {"b": {"c": 1}, "d": [2]}, "e": None}) == {
        "a.b.c": 1, "a.d": [2], "e": None,
    }  # fmt: skip


def test_settings_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        parse().density = 0.5
