"""Missing the mark: what its folder states, against the sheet, the suite and itself."""

import functools
import re
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from common import names
from common.products import read_published
from common.report.figures import draw, own_functions
from common.suite.claims import load_claims
from common.suite.cost import seconds
from common.suite.expand import expand
from common.suite.experiments import load_paper, load_scale, load_scales
from common.suite.plan import PaperPlan, Plan, Request
from common.suite.start import paper_plan

PAPER = "missing_the_mark"
FOLDER = Path("papers") / PAPER
OTHER_MODELS = {"vgg13"}


@functools.cache
def expanded(scale):
    loaded = load_paper(PAPER)
    return expand(loaded, load_scales())[scale]


@functools.cache
def plan(scale):
    part = PaperPlan(load_paper(PAPER), load_scale(scale), expanded(scale), {})
    return paper_plan(Plan(Request(scale=scale), {PAPER: part}), part)


@functools.cache
def published():
    return read_published(FOLDER / "published.csv")


@functools.cache
def claims():
    return load_claims(FOLDER / "claims.yaml")


def settings(scale, experiment):
    return [arm.settings for arm in expanded(scale)[experiment].arms.values()]


# ---- published numbers and claims ---------------------------------------------------


def test_the_sheet_s_five_numbers_are_there_and_the_recalled_ones_say_so():
    rows = published().to_dict("records")
    assert [(row["model"], float(row["value"]), row["origin"] == "recalled") for row in rows] == [
        ("resnet50", pytest.approx(100 - 76.1), False),
        ("resnet20", 272_474, False),
        ("vgg13", 9_416_010, False),
        ("vgg16", pytest.approx(100 - 93.5), True),
        ("resnet20", pytest.approx(100 - 91.7), True),
    ]
    for row in rows:
        assert row["model"] in names.MODELS.keys() | OTHER_MODELS and row["data"] in names.DATA
        if row["run"]:
            arm = expanded("paper")[row["experiment"]].arms[row["run"]].settings
            assert (arm.model, arm.data, arm.criterion) == (row["model"], row["data"], "dense")


def test_all_twenty_claims_are_there_and_none_is_without_an_estimand():
    assert list(claims()) == [f"MTM-{number:02}" for number in range(1, 21)]
    assert all(any(leaf.estimand for leaf in claim.leaves) for claim in claims().values())


# Kind of the leaves, margin on the stand-ins (None: no such part), margin on the paper's own arms.
# Errors turn the sheet's signs round: at_least -1 of accuracies is at_most 1 of errors.
SHEET = {
    "MTM-01": ("greater", 0.5, 0.5), "MTM-02": ("greater", 0.5, 0.5),
    "MTM-03": ("at_most", 1.0, 0.5), "MTM-04": ("at_most", 1.0, 0.5),
    "MTM-05": ("greater", 0.5, 0.5), "MTM-06": ("greater", 5, 5),
    "MTM-07": ("equivalent", 1.0, 0.5), "MTM-08": ("at_most", 0.5, 0.5),
    "MTM-10": ("greater", 0, 0), "MTM-11": ("greater", 0, 0),
    "MTM-14": ("equivalent", 1.0, 0.5), "MTM-15": ("equivalent", 1.0, 0.5),
    "MTM-16": ("at_most", 0.5, 0.5), "MTM-17": ("greater", 0, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", SHEET)
def test_kinds_and_margins_are_those_of_the_sheet(name):
    kind, small, own = SHEET[name]
    stand_ins = {n for n, item in expanded("cpu").items() if item.experiment.stands_for}
    margins = {True: set(), False: set()}
    for leaf in claims()[name].leaves:
        if leaf.kind != "none":
            assert leaf.kind == kind, leaf.part
            margins[leaf.reads_only(stand_ins)].add(leaf.supported_beyond)
    assert margins == {True: {small}, False: {own}}


def test_the_parts_counted_in_the_sheet_are_all_there():
    parts = {name: len(claim.children["fashion_mnist"].leaves) for name, claim in claims().items()
             if "fashion_mnist" in claim.children}  # fmt: skip
    assert parts == {
        "MTM-01": 8, "MTM-02": 8, "MTM-03": 4, "MTM-04": 4, "MTM-05": 4, "MTM-06": 3, "MTM-07": 1,
        "MTM-08": 1, "MTM-12": 3 * 5, "MTM-14": 2, "MTM-15": 6, "MTM-17": 2,
    }  # fmt: skip
    assert len(claims()["MTM-16"].children["vgg19_cifar10"].leaves) == 6
    assert len(claims()["MTM-18"].children["width_fashion_mnist"].leaves) == 3 + 1


def test_claims_of_no_effect_need_the_effect_on_tickets_to_show():
    for name in ("MTM-03", "MTM-04", "MTM-07", "MTM-10", "MTM-14"):
        for leaf in claims()[name].leaves:
            assert any(contrast.startswith("MTM-05/") for contrast in leaf.named_contrasts()), name
    for leaf in claims()["MTM-15"].children["fashion_mnist"].leaves:
        assert leaf.named_contrasts() == ["MTM-05/fashion_mnist/matching_shuffle"]


def test_kept_counts_are_those_of_the_sheet_s_table():
    stated = {
        name: part.around for name, part in claims()["MTM-20"].children.items()
    }  # lowest, highest, lowest in 100 steps
    table = {
        "lenet": (28_582, 28_583, 28_522), "resnet20_80": (216_715, 216_716, 216_583),
        "resnet20_3": (9_530, 9_531, 9_486), "vgg16": (1_580_072, 1_580_073, 1_580_012),
    }  # fmt: skip
    ways = ("lowest", "highest", "lowest_in_100_steps")
    assert stated == {
        f"{net}_{way}": kept for net, counts in table.items()
        for way, kept in zip(ways, counts, strict=True)
    }  # fmt: skip


# ---- arms ---------------------------------------------------------------------------


def test_densities_are_powers_of_four_fifths():
    grid = {0.8**n for n in range(1, 19)}
    used = {arm.density for arm in settings("paper", "main_cifar10")} - {1.0}
    assert sorted(used) == pytest.approx(sorted(grid), rel=1e-14)
    for arm in settings("cpu", "mlp_comparison"):
        assert arm.density in (1.0, pytest.approx(0.8**10), pytest.approx(0.8**15))


def test_recipes_are_those_of_the_authors_code_in_steps():
    (cifar,) = {str(arm.recipe) for arm in settings("paper", "main_cifar10")}
    (tiny,) = {str(arm.recipe) for arm in settings("paper", "main_tiny_imagenet")}
    (imagenet,) = {str(arm.recipe) for arm in settings("paper", "main_imagenet")}
    for text, epoch, epochs, cuts, warm in (
        (cifar, 391, 160, (80, 120), 0), (tiny, 391, 200, (100, 150), 5),
        (imagenet, 1252, 90, (30, 60, 80), 5),
    ):  # fmt: skip
        assert f"steps={epoch * epochs} " in text and f"warmup={epoch * warm}" in text
        assert f"milestones={[epoch * cut for cut in cuts]}" in text
    scored = settings("paper", "main_tiny_imagenet")[1].scoring
    assert scored.batch * scored.batches == 10 * names.CLASSES["tiny_imagenet"]


def test_stand_ins_have_the_settings_that_the_papers_share():
    for name, item in expanded("cpu").items():
        if not item.experiment.stands_for:
            continue
        for arm in settings("cpu", name):
            recipe = arm.recipe
            if name.startswith("mlp_"):
                assert (arm.model, arm.subset, item.replicates) == ("lenet_300_100", 10_000, 10)
                assert (recipe.lr, recipe.batch, recipe.steps) == (0.05, 100, 500)
                assert recipe.milestones == [250, 400]
            else:
                assert (arm.model, arm.width) in (("vgg11", 0.125), ("resnet20", 0.25))
                assert (arm.data, item.replicates) == ("cifar10_batch1", 5)
                assert (recipe.lr, recipe.batch, recipe.steps) == (0.1, 128, 600)
                assert recipe.milestones == [300, 450] and recipe.weight_decay == 1e-4
            assert (arm.init, recipe.momentum, recipe.evaluations) == ("kaiming_normal", 0.9, 1)
            if arm.criterion != "dense":
                assert arm.scoring.sampling == "balanced"


def test_every_arm_that_trains_here_is_read_by_a_claim_or_drawn():
    arms = {
        name: {run: arm.settings.flat for run, arm in item.arms.items()}
        for name, item in expanded("cpu").items()
        if not item.skipped
    }
    read = set()
    for claim in claims().values():
        read |= claim.needs(arms, claims())
    drawn = {"mlp_ablations"}  # the extreme density is reported apart
    unread = {
        (name, run) for name, runs in arms.items() for run in runs if name not in drawn
    } - read  # fmt: skip
    # The dense network of the picture; the same runs as in the comparison.
    assert unread <= {("vgg11_ablations", "dense"), ("neuron_sparsity", "dense")}


# ---- pictures -----------------------------------------------------------------------

LEVEL = {"dense": 14.8, "random": 17.2, "magnitude": 16.1, "snip": 16.4, "grasp": 18.2,
         "grasp_abs": 16.9, "synflow": 15.8}  # fmt: skip
WORSE = {"none": 0.0, "shuffle": 0.3, "redraw": 0.2, "invert": 60.0}


def table(scale, experiment, replicates=2):
    rows = []
    for run, arm in plan(scale)["experiments"][experiment]["arms"].items():
        given = arm["settings"]
        rng = np.random.default_rng(zlib.crc32(run.encode()))
        level = LEVEL[given["criterion"]] + WORSE[given["ablation"]]
        if given["criterion"] != "dense":
            level += 0.1 / float(given["density"])
        for replicate in range(replicates):
            value = level + rng.normal(0, 0.3)
            rows.append((experiment, run, replicate, 500, "test", "error", value))
    columns = ["experiment", "run", "replicate", "step", "split", "metric", "value"]
    return pd.DataFrame(rows, columns=columns)


@pytest.mark.parametrize("experiment", sorted(own_functions(PAPER).__all__))
def test_every_picture_is_drawn_with_all_replicates_behind(experiment):
    runs, figure = table("cpu", experiment), Figure(layout="constrained")
    entry = plan("cpu")["experiments"][experiment]
    behind = getattr(own_functions(PAPER), experiment)(runs, entry, published(), figure)
    assert figure.axes and figure.legends
    values = behind.loc[behind["kind"] == "replicate", "value"].astype(float)
    assert sorted(values) == pytest.approx(sorted(runs["value"]))


def test_a_picture_becomes_svg_and_png():
    runs = table("smoke", "vgg11_ablations")
    drawn = draw(plan("smoke"), "vgg11_ablations", runs, published(), own_functions(PAPER))
    assert drawn[0].startswith(b"<?xml") and drawn[1].startswith(b"\x89PNG")


# ---- the README ---------------------------------------------------------------------

UNITS = {"s": 1, "min": 60, "h": 3600}


def planned(scale, experiment):
    item = expanded(scale)[experiment]
    return sum(seconds(run.settings) for arm in item.arms.values() for run in arm.runs)


def test_readme_lists_every_experiment_with_its_planned_time():
    text = (FOLDER / "README.md").read_text()
    rows = dict(re.findall(r"^\| [^|]+ \| `(\w+)` \|(.*)\|$", text, re.MULTILINE))
    assert rows.keys() == expanded("paper").keys()
    for name, cells in rows.items():
        about, *times = (cell.strip() for cell in cells.split("|"))
        for scale, time in zip(("cpu", "paper"), times, strict=True):
            if expanded(scale)[name].skipped:
                assert time == "", (name, scale)
                continue
            amount, unit = time.split()
            stated = float(amount.replace(",", "")) * UNITS[unit]
            assert stated / 2 < planned(scale, name) < stated * 2, (name, scale, time)
        assert about.startswith("stand-in") == bool(expanded("cpu")[name].experiment.stands_for)
        assert (about == "does not run") == bool(expanded("cpu")[name].skipped)
