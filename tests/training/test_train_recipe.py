"""The recipe: rates, evaluation points, what decays; one definition in two places."""

import dataclasses

import pytest
import torch
from small_nets import conv_net

from common.suite.settings import Recipe as Schema
from common.training import Recipe


def test_the_recipe_and_its_schema_have_equal_fields_and_defaults():
    fields = {f.name: f.default for f in dataclasses.fields(Recipe)}
    schema = {name: field.default for name, field in Schema.model_fields.items()}
    assert list(fields) == list(schema)
    for name, default in schema.items():
        assert fields[name] == (tuple(default) if isinstance(default, list) else default), name


def test_the_rate_is_that_of_torch():
    recipe = Recipe(lr=0.3, gamma=0.2, milestones=(3, 5))
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=recipe.lr)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, recipe.milestones, recipe.gamma)
    for step in range(8):
        assert recipe.rate(step) == pytest.approx(scheduler.get_last_lr()[0], rel=1e-12)
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize(
    "steps, evaluations, expected",
    [(100, 4, {25, 50, 75, 100}), (10, 3, {3, 7, 10}), (10, 1, {10}), (3, 3, {1, 2, 3})],
)
def test_evaluation_points_are_even_and_the_last_step_is_one(steps, evaluations, expected):
    assert Recipe(steps=steps, evaluations=evaluations).evaluation_steps() == expected


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_more_points_than_steps_evaluate_every_step(steps):
    stops = Recipe(steps=steps, evaluations=10).evaluation_steps()
    assert set(range(1, steps + 1)) <= stops
    assert max(stops) == steps


@pytest.mark.parametrize(
    "decay, decayed",
    [
        ("all", ["0.weight", "0.bias", "1.weight", "1.bias", "3.weight", "3.bias",
                 "6.weight", "6.bias", "8.weight", "8.bias"]),
        ("no_norm", ["0.weight", "0.bias", "3.weight", "3.bias", "6.weight", "6.bias",
                     "8.weight", "8.bias"]),
        ("weights", ["0.weight", "3.weight", "6.weight", "8.weight"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_weight_decay_acts_on_what_the_recipe_says(decay, decayed, optimizer):
    net = conv_net()
    built = Recipe(optimizer=optimizer, decay=decay, weight_decay=0.5).build_optimizer(net)
    name_of = {id(p): name for name, p in net.named_parameters()}
    decays = {name_of[id(p)]: decay for parameters, decay in built.groups for p in parameters}
    assert sorted(decays) == sorted(name_of.values())
    assert sorted(name for name, value in decays.items() if value == 0.5) == sorted(decayed)
    assert set(decays.values()) <= {0.0, 0.5}


def test_warm_up_raises_the_rate_from_zero_and_then_leaves_it_alone():
    plain = Recipe(lr=0.4, milestones=(3, 8))
    warm = dataclasses.replace(plain, warmup=5)
    # By hand: 0, 1/5, ... of the rate, which falls to a tenth at step 3.
    expected = [0.0, 0.08, 0.16, 0.024, 0.032]
    assert [warm.rate(step) for step in range(5)] == pytest.approx(expected)
    assert all(warm.rate(step) == plain.rate(step) for step in range(5, 12))
