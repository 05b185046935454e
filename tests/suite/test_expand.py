"""From entries to arms, runs and digests: precedence, products, names, law 12."""

import copy

import pytest

from common import datafiles, names
from common.errors import Refused
from common.suite.expand import Run, digest, expand
from common.suite.experiments import load_paper, load_scales
from common.suite.settings import Settings

BASE = {
    "shows": "Figure 1",
    "procedure": "prune_then_train",
    "model": "lenet_300_100",
    "data": "mnist",
}


@pytest.fixture
def arms(project):
    """arms(entry, scale): the arms of one experiment written as `entry`."""

    def arms(scale="paper", **entry):
        project.paper(citing({"fig1": BASE | entry}))
        return expanded(scale)["fig1"].arms

    return arms


def citing(experiments):
    citation = {"title": "A paper", "authors": "A", "year": 2020, "venue": "Here"}
    return {"citation": citation, "experiments": experiments}


def expanded(scale="paper", paper="tiny"):
    loaded = load_paper(paper)
    return expand(loaded, load_scales())[scale]


def digests(arms):
    return {name: [run.digest for run in arm.runs] for name, arm in arms.items()}


SNIP = {"criterion": "snip", "density": 0.5}


# ---- arms ------------------------------------------------------------------------------------


def test_lists_of_an_arm_stand_for_their_product(arms):
    found = arms(arms=[{"criterion": ["snip", "random"], "density": [0.1, 0.05, 0.02]}])
    assert [(a.settings.criterion, a.settings.density) for a in found.values()] == [
        (criterion, density) for criterion in ("snip", "random") for density in (0.1, 0.05, 0.02)
    ]


def test_nested_lists_multiply_too_and_list_valued_settings_do_not(arms):
    recipe = {"lr": [0.1, 0.2], "milestones": [10, 20]}
    found = arms(arms=[{**SNIP, "scoring": {"batch": [1, 10]}, "recipe": recipe}])
    assert [(a.settings.scoring.batch, a.settings.recipe.lr) for a in found.values()] == [
        (1, 0.1), (1, 0.2), (10, 0.1), (10, 0.2),
    ]  # fmt: skip
    assert all(a.settings.recipe.milestones == [10, 20] for a in found.values())


RANDOM = {"criterion": "random", "density": 0.5}
NESTEROV = {"momentum": 0.9, "nesterov": [False, True]}


@pytest.mark.parametrize(
    "written, expected",
    [
        ([{"criterion": "dense"}], ["dense"]),
        ([{}], ["arm"]),
        ([{"criterion": "dense"}, SNIP], ["dense", "snip_0_5"]),
        ([SNIP | {"density": [0.05, 0.5]}], ["snip_0_05", "snip_0_5"]),
        ([SNIP | {"scoring": {"batch": [1, 10]}}], ["snip_batch_1", "snip_batch_10"]),
        ([{"data": ["mnist", "fashion_mnist"]}], ["mnist", "fashion_mnist"]),
        ([SNIP | {"recipe": NESTEROV}], ["snip", "snip_nesterov"]),
        ([SNIP | {"recipe": {"lr": [0.1, 1.0e-3]}}], ["snip_lr_0_1", "snip_lr_0_001"]),
        ([SNIP | {"name": "ours"}, {"criterion": "dense"}], ["ours", "dense"]),
        ([RANDOM | {"layers_like": ["snip", "erk"]}], ["random_snip", "random_erk"]),
        ([SNIP | {"ablation": ["none", "shuffle"]}], ["snip_none", "snip_shuffle"]),
    ],
)
def test_arms_are_named_by_what_varies(arms, written, expected):
    assert list(arms(arms=written)) == expected


def test_two_arms_of_one_name_are_refused(arms):
    with pytest.raises(Refused, match="two arms are called 'snip_0_5'; give one of them a `name:`"):
        arms(arms=[SNIP, SNIP, {"criterion": "dense"}, {"criterion": "snip", "density": 0.1}])


@pytest.mark.parametrize("name", ["My-Arm", "snip 0.5", "SNIP"])
def test_a_bad_arm_name_is_refused(arms, name):
    with pytest.raises(Refused, match=f"fig1: arm '{name}' must be made of a-z, 0-9 and _ alone"):
        arms(arms=[SNIP | {"name": name}])


@pytest.mark.parametrize(
    "entry, words",
    [
        ({"arms": [SNIP | {"criterion": "snp"}]}, "fig1: arm snp: unknown criterion 'snp'"),
        ({"arms": [SNIP | {"density": 1.2}]}, "fig1: arm snip: density 1.2: Input should be less"),
        ({"arms": [SNIP | {"desnity": 1}]}, "fig1: arms: unknown key 'desnity', did you mean"),
        ({"arms": [SNIP | {"density": []}]}, "fig1: arms: density is an empty list"),
        ({"arms": [SNIP | {"scoring": {"bach": 3}}]}, "unknown key 'scoring.bach', did you mean"),
        ({"recipe": {"stepz": 3}}, "unknown key 'recipe.stepz', did you mean 'recipe.steps'"),
        ({"recipe": 5}, "fig1: arm arm: recipe 5: Input should be a valid dictionary"),
        ({"recipe": {"lr": {"value": 3}}}, "recipe.lr"),
        ({"model": "vgg_e"}, "fig1: arm arm: unknown model 'vgg_e'"),
        ({"recipe": {"steps": 10, "milestones": [10]}}, "[10] must lie before steps (10)"),
        # What has no effect must still be right.
        ({"scoring": {"bach": 3}}, "unknown key 'scoring.bach', did you mean 'scoring.batch'"),
        ({"procedure": "analyse_masks", "recipe": {"lr": -1}}, "recipe.lr -1"),
        ({"procedure": "analyse_mask"}, "unknown procedure 'analyse_mask', did you mean"),
    ],
)
def test_a_bad_setting_is_refused_with_its_place(arms, entry, words):
    with pytest.raises(Refused) as refused:
        arms("small", **entry)
    said = str(refused.value)
    assert said.startswith("papers/tiny/experiments.yaml: fig1: ")
    assert "\n" not in said
    assert words in said


def test_a_value_that_a_scale_would_nest_in_a_plain_one_is_refused(arms, project):
    project.write("configs/scale/paper.yaml", {"about": "x", "settings": {"recipe": {"lr": 0.3}}})
    with pytest.raises(Refused, match=r"fig1: arm arm: recipe must be a mapping .*, not 5$"):
        arms(recipe=5)


# ---- precedence ------------------------------------------------------------------------------


@pytest.fixture
def layered(project):
    """The width as set in the entry, its arm, the scale's file, the entry's `scales:`."""

    def layered(entry=None, arm=None, scale_file=None, scales=None):
        def width(value):
            return {} if value is None else {"width": value}

        project.write("configs/scale/small.yaml", {"about": "x", "settings": width(scale_file)})
        entry = BASE | width(entry) | {"arms": [width(arm)], "scales": {"small": width(scales)}}
        project.paper(citing({"fig1": entry}))
        [arm] = expanded("small")["fig1"].arms.values()
        return arm.settings.width, arm.sources["width"]

    return layered


def test_the_last_layer_wins_and_is_named_as_the_source(layered):
    assert layered() == (1.0, "default")
    assert layered(entry=2) == (2, "experiments.yaml")
    assert layered(entry=2, arm=3) == (3, "experiments.yaml")
    assert layered(entry=2, arm=3, scale_file=4) == (4, "configs/scale/small.yaml")
    assert layered(entry=2, arm=3, scale_file=4, scales=5) == (5, "scales.small")
    assert layered(scales=5) == (5, "scales.small")


def test_layers_are_laid_over_key_by_key(arms, project):
    project.write("configs/scale/small.yaml", {"about": "x", "settings": {"recipe": {"steps": 50}}})
    entry = {
        "recipe": {"lr": 0.3, "steps": 1000, "momentum": 0.9, "milestones": [500]},
        "scales": {"small": {"recipe": {"milestones": [20]}}},
    }
    [arm] = arms("small", **entry).values()
    recipe = arm.settings.recipe
    assert (recipe.lr, recipe.momentum, recipe.steps, recipe.milestones) == (0.3, 0.9, 50, [20])
    assert arm.sources["recipe.lr"] == "experiments.yaml"
    assert arm.sources["recipe.steps"] == "configs/scale/small.yaml"
    assert arm.sources["recipe.milestones"] == "scales.small"
    assert arm.sources["recipe.gamma"] == "default"
    assert set(arm.sources) == set(arm.settings.flat)


def test_replicates_follow_the_same_precedence(arms, project):
    def count(**entry):
        return {len(arm.runs) for arm in arms("small", **entry).values()}

    project.write("configs/scale/small.yaml", {"about": "x"})
    assert count(replicates=7) == {7}
    project.write("configs/scale/small.yaml", {"about": "x", "replicates": 3})
    assert count(replicates=7) == {3}
    assert count(replicates=7, scales={"small": {"replicates": 2}}) == {2}
    assert count(replicates=7, scales={"paper": {"replicates": 2}}) == {3}
    [arm] = arms("small").values()
    assert [run.replicate for run in arm.runs] == [0, 1, 2]


def test_a_scale_may_replace_the_arms(arms):
    entry = {"arms": [SNIP], "scales": {"small": {"arms": [{"criterion": "dense"}]}}}
    assert list(arms("small", **entry)) == ["dense"]
    assert list(arms("paper", **entry)) == ["snip"]


def test_a_skipped_experiment_says_why(project):
    project.paper(scales={"small": {"skip": "too long"}})
    assert expanded("small")["fig1"].skipped == "too long"
    assert expanded("paper")["fig1"].skipped is None


# ---- conditions ------------------------------------------------------------------------------


def test_the_condition_is_the_papers_only_for_the_papers_recipe(arms):
    entry = {
        "arms": [{"criterion": "dense"}, SNIP | {"name": "snip"}],
        "scales": {
            "smoke": {"data": "digits"},
            "small": {"arms": [{"criterion": "dense"}, {**SNIP, "density": 0.3, "name": "snip"}]},
        },
    }

    def conditions(scale):
        return {name: arm.condition for name, arm in arms(scale, **entry).items()}

    assert conditions("paper") == {"dense": "paper", "snip": "paper"}
    assert conditions("small") == {"dense": "paper", "snip": "proxy"}
    assert conditions("smoke") == {"dense": "proxy", "snip": "proxy"}


def test_deviations_are_the_values_that_no_arm_of_the_papers_has(arms):
    entry = {
        "arms": [{"criterion": "dense"}, {**SNIP, "density": [0.1, 0.05]}],
        "scales": {"small": {"data": "digits", "arms": [{**SNIP, "density": [0.1, 0.3]}]}},
    }
    found = {name: arm.deviations for name, arm in arms("small", **entry).items()}
    assert found["snip_0_1"] == {"data": ["mnist"]}
    assert found["snip_0_3"] == {"data": ["mnist"], "density": [1.0, 0.1, 0.05]}
    assert all(not arm.deviations for arm in arms("paper", **entry).values())


def test_an_arm_has_the_name_it_has_at_the_papers_scale(arms):
    entry = {
        "arms": [{"model": ["lenet_300_100", "lenet5_caffe"], "criterion": "dense"}],
        "scales": {"small": {"arms": [{"model": "lenet5_caffe", "criterion": "dense"}]}},
    }
    assert list(arms("small", **entry)) == ["lenet5_caffe_dense"]
    assert "lenet5_caffe_dense" in arms("paper", **entry)


def test_the_number_of_replicates_does_not_change_the_condition(arms):
    entry = {"arms": [SNIP], "scales": {"small": {"replicates": 1}}}
    assert arms("small", **entry)["snip"].condition == "paper"


# ---- digests ---------------------------------------------------------------------------------

ENTRY = {
    "arms": [
        {"criterion": "dense"},
        SNIP | {"name": "snip"},
        {"name": "random", "criterion": "random", "density": 0.5},
    ],
    "replicates": 2,
    "scoring": {"batch": 10},
}


def test_every_run_has_its_own_digest(arms):
    found = [one for runs in digests(arms(**ENTRY)).values() for one in runs]
    assert len(set(found)) == 6
    assert all(len(one) == 20 and set(one) <= set("0123456789abcdef") for one in found)


def test_editing_an_arm_changes_its_digests_alone(arms):
    before = digests(arms(**ENTRY))
    edited = copy.deepcopy(ENTRY)
    edited["arms"][1]["recipe"] = {"lr": 0.2}
    after = digests(arms(**edited))
    assert [after[name] for name in ("dense", "random")] == [before["dense"], before["random"]]
    assert not set(after["snip"]) & set(before["snip"])


def test_adding_replicates_keeps_the_digests_there_are(arms):
    before, after = digests(arms(**ENTRY)), digests(arms(**ENTRY | {"replicates": 5}))
    assert {name: runs[:2] for name, runs in after.items()} == before
    assert all(len(set(runs)) == 5 for runs in after.values())


def test_a_setting_at_its_default_does_not_enter_the_digest(arms):
    before = digests(arms(**ENTRY))
    defaults = {"width": 1, "init": "default", "recipe": {"momentum": 0, "gamma": 0.1}}
    assert digests(arms(**ENTRY | defaults)) == before


def test_names_titles_and_places_do_not_enter_the_digest(project):
    entry = BASE | {"arms": [SNIP]}
    other = entry | {
        "shows": "Table 9", "title": "Another", "metric": "test_loss", "x": "density",
        "arms": [SNIP | {"name": "ours"}],
    }  # fmt: skip
    project.paper(citing({"fig1": entry, "table9": other}))
    project.paper(citing({"fig7": entry}), name="second")
    first, second = expanded(), expanded(paper="second")
    assert set(map(tuple, digests(first["table9"].arms).values())) == set(
        map(tuple, digests(first["fig1"].arms).values())
    )
    assert digests(second["fig7"].arms) == digests(first["fig1"].arms)


def test_dense_arms_share_a_digest_whatever_their_scoring(arms):
    before = digests(arms(**ENTRY))
    after = digests(arms(**ENTRY | {"scoring": {"batch": 1, "init": "vs"}}))
    assert after["dense"] == before["dense"]
    assert not set(after["snip"]) & set(before["snip"])


def test_the_recipe_does_not_enter_the_digest_of_what_does_not_train(arms):
    entry = ENTRY | {"procedure": "analyse_masks", "measures": ["counts"]}
    before = digests(arms(**entry))
    assert digests(arms(**entry | {"recipe": {"lr": 0.3, "steps": 7}})) == before


def test_scale_and_source_do_not_enter_the_digest(arms, project):
    before = digests(arms("paper", **ENTRY))
    project.write(
        "configs/scale/small.yaml", {"about": "x", "settings": {"scoring": {"batch": 10}}}
    )
    entry = {key: value for key, value in ENTRY.items() if key != "scoring"}
    assert digests(arms("small", **entry)) == before


def test_a_new_version_of_the_procedure_changes_every_digest_of_it(arms, monkeypatch):
    before = digests(arms(**ENTRY))
    code, version, trains = names.PROCEDURES["prune_then_train"]
    monkeypatch.setitem(names.PROCEDURES, "prune_then_train", (code, version + 1, trains))
    after = digests(arms(**ENTRY))
    for name, runs in before.items():
        assert not set(runs) & set(after[name])
    code, version, trains = names.PROCEDURES["analyse_masks"]
    monkeypatch.setitem(names.PROCEDURES, "analyse_masks", (code, version + 1, trains))
    assert digests(arms(**ENTRY)) == after


def test_a_new_version_of_a_measure_changes_the_digests_of_its_runs_alone(arms, monkeypatch):
    def of(measure):
        entry = {"procedure": "analyse_masks", "arms": [{"criterion": "snip", "density": 0.1}]}
        return digests(arms(**entry, measures=[measure, "costs"]))

    before, other = of("counts"), of("connectivity")
    monkeypatch.setitem(names.MEASURE_VERSIONS, "counts", 2)
    assert of("counts") != before
    assert of("connectivity") == other


def test_other_data_change_the_digest(arms, monkeypatch):
    before = digests(arms(**ENTRY))
    monkeypatch.setattr(datafiles, "checksum", lambda name: "0" * 32)
    after = digests(arms(**ENTRY))
    assert not set(after["snip"]) & set(before["snip"])


def test_digests_are_those_of_the_stored_runs():
    settings = Settings(
        procedure="analyse_masks", model="lenet_300_100", data="digits", criterion="snip",
        density=0.05, scoring={"batch": 10},
    )  # fmt: skip
    run = Run("any", 3, settings)
    assert run.spec == {
        "procedure": "analyse_masks",
        "version": 2,
        "replicate": 3,
        "data": datafiles.DIGITS,
        "settings": {
            "procedure": "analyse_masks", "model": "lenet_300_100", "data": "digits",
            "criterion": "snip", "density": 0.05, "scoring": {"batch": 10},
        },
    }  # fmt: skip
    assert run.digest == digest(run.spec) == "e266bcab62d1896b6ada"


def test_a_digest_depends_on_content_and_not_on_order():
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert digest({"a": 1, "b": [1, 2]}) != digest({"a": 1, "b": [2, 1]})
    with pytest.raises(ValueError, match="JSON compliant"):
        digest({"a": float("nan")})


# ---- experiments that stand for another --------------------------------------------------------


def standing(project, **entry):
    project.paper(citing({"fig1": BASE, "mlp": BASE | {"stands_for": "fig1"} | entry}))


def test_what_stands_for_an_experiment_is_a_proxy_and_leaves_the_paper_scale_alone(project):
    standing(project, data="fashion_mnist")
    at_small, at_paper = expanded("small")["mlp"], expanded("paper")["mlp"]
    (arm,) = at_small.arms.values()
    assert (arm.condition, arm.deviations) == ("proxy", {"data": ["mnist"]})
    assert at_small.skipped is None and at_paper.skipped.startswith("it stands for fig1")


@pytest.mark.parametrize("target", ["fig2", "mlp"])
def test_it_must_stand_for_an_experiment_of_the_paper(project, target):
    standing(project, stands_for=target)
    with pytest.raises(Refused, match="mlp: stands_for: unknown experiment"):
        load_paper("tiny")
