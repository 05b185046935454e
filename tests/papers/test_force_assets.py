"""FORCE's folder: its published numbers, its claims, and the pictures of its experiments."""

import functools
import math
import re
import zlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from common import names
from common.audit.published import PublishedNumbers
from common.models import build
from common.products import read_published
from common.pruning import densities, prunable
from common.report.figures import own_functions
from common.suite.claims import load_claims
from common.suite.expand import expand
from common.suite.experiments import load_paper, load_scale, load_scales
from common.suite.plan import PaperPlan, Plan, Request
from common.suite.start import paper_plan

FOLDER = Path("papers/force")
OTHER_METHODS = {"snap_it"}
NOT_AT_CPU = {"FORCE-14", "FORCE-18", "FORCE-19", "FORCE-29", "FORCE-33", "SNIPIT-03"}


@functools.cache
def published():
    return read_published(FOLDER / "published.csv")


@functools.cache
def claims():
    return load_claims(FOLDER / "claims.yaml")


@functools.cache
def expanded(scale):
    loaded = load_paper("force")
    return expand(loaded, load_scales())[scale]


@functools.cache
def plan(scale):
    part = PaperPlan(load_paper("force"), load_scale(scale), expanded(scale), {})
    return paper_plan(Plan(Request(scale=scale), {"force": part}), part)


def rows_of(**cells):
    table = published().to_dict("records")
    return [row for row in table if all(row[key] == value for key, value in cells.items())]


# ---- published numbers --------------------------------------------------------------------------
def test_no_row_is_missing_and_the_imagenet_table_alone_is_recalled():
    counts = {}
    for row in rows_of():
        counts[row["source"]] = counts.get(row["source"], 0) + 1
    assert counts == {
        "ImageNet table": 36, "abstract": 1, "abstract of the final version": 1,
        "abstract of the first version": 1, "README of naver/force": 5, "SNIP-it README": 5,
    }  # fmt: skip
    assert {row["source"] for row in rows_of(origin="recalled")} == {"ImageNet table"}


def test_every_arm_named_exists_and_has_the_settings_of_its_row():
    for row in rows_of():
        assert row["data"] in names.DATA.keys() | {""}
        assert row["criterion"] in names.CRITERIA.keys() | OTHER_METHODS
        if not row["run"]:
            continue
        arm = expanded("paper")[row["experiment"]].arms[row["run"]].settings
        assert (arm.data, arm.density) == (row["data"], float(row["density"]))
        if row["experiment"] == "table_imagenet":
            assert (arm.model, arm.criterion) == (row["model"], row["criterion"])


def test_errors_are_a_hundred_minus_the_printed_accuracies():
    for row in rows_of(source="ImageNet table"):
        printed = float(re.search(r"accuracy ([\d.]+)", row["note"])[1])
        assert float(row["value"]) == pytest.approx(100 - printed, abs=1e-9)
    (one,) = rows_of(model="resnet50", criterion="force", density="0.05", metric="test_error")
    assert float(one["value"]) == pytest.approx(41.0)
    (vgg,) = rows_of(
        model="torchvision:vgg19_bn", criterion="grasp", density="0.05", metric="test_error"
    )
    assert float(vgg["value"]) == pytest.approx(100 - 67.6)


def test_scoring_batches_are_those_of_the_readme():
    printed = {row["data"]: int(row["value"]) for row in rows_of(metric="scoring_batches_per_step")}
    (steps,) = rows_of(metric="steps_T")
    for experiment in ("fig3_cifar10", "fig3_cifar100", "fig3_tiny_imagenet", "table_imagenet"):
        arms = [arm.settings for arm in expanded("paper")[experiment].arms.values()]
        for arm in arms:
            if arm.criterion in ("force", "iter_snip"):
                assert arm.scoring.steps == int(steps["value"])
                assert arm.scoring.batches == printed[arm.data] and arm.scoring.fresh
        several = {arm.scoring.batches for arm in arms if arm.criterion == "snip"}
        assert max(several) == printed[arms[0].data] * int(steps["value"])


def test_published_values_beside_claims_are_there_once_each():
    numbers, shown = PublishedNumbers(published()), {}
    for name, claim in claims().items():
        for leaf in claim.leaves:
            if leaf.published_value:
                shown[f"{name}/{leaf.part}"] = numbers.shown(leaf.published_value)
    # Random minus the method, from the table as remembered, and the gain of pruning in training.
    assert {key: cell["value"] for key, cell in shown.items()} == pytest.approx({
        "FORCE-18/force_1": 0.3, "FORCE-18/force_05": 1.8,
        "FORCE-18/iter_snip_1": -0.9, "FORCE-18/iter_snip_05": -2.5,
        "FORCE-18/snip_1": -3.1, "FORCE-18/snip_05": -12.9,
        "FORCE-18/grasp_1": 0.8, "FORCE-18/grasp_05": -11.0,
        "SNIPIT-02/resnet18": 4.0,
    })  # fmt: skip
    recalled = {key for key, cell in shown.items() if cell["origin"] == "recalled"}
    assert recalled == {key for key in shown if key.startswith("FORCE")}


# ---- claims -------------------------------------------------------------------------------------
def test_every_claim_of_the_sheet_stands():
    assert list(claims()) == [
        *(f"FORCE-{number:02}" for number in range(1, 39)),
        *(f"SNIPIT-{number:02}" for number in range(1, 4)),
    ]
    assert {name for name, claim in claims().items() if claim.kind == "none"} == {
        "FORCE-29", "FORCE-33", "SNIPIT-03",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("claim", "kind", "margin"),
    [
        ("FORCE-05", "greater", 0.1), ("FORCE-06", "equivalent", 1), ("FORCE-07", "greater", 5),
        ("FORCE-10", "greater", 1), ("FORCE-15", "greater", 2), ("FORCE-17", "at_most", 1),
        ("FORCE-18", "at_most", 1), ("FORCE-19", "greater", 2), ("FORCE-21", "at_most", 0.9),
        ("FORCE-23", "greater", 1), ("FORCE-34", "greater", 0.2), ("FORCE-38", "at_most", 2),
    ],
)  # fmt: skip
def test_margins_are_those_fixed_beforehand(claim, kind, margin):
    leaves = [leaf for leaf in claims()[claim].leaves if leaf.kind not in ("none", "at_least")]
    assert {(leaf.kind, leaf.supported_beyond) for leaf in leaves} == {(kind, margin)}


def test_the_weights_of_the_mean_over_density_are_the_trapezoid_rule():
    (leaf,) = (one for one in claims()["FORCE-15"].leaves if one.part == "fashion_random")
    found = {t.of["density"]: t.times for t in leaf.estimand.terms if t.of["criterion"] == "random"}
    low = np.log10([0.05, 0.02, 0.01, 0.005])
    for at, density in enumerate((0.05, 0.02, 0.01, 0.005)):
        bump = np.zeros(4)
        bump[at] = 1
        expected = -np.trapezoid(bump, low) / (low[0] - low[-1])
        assert found[density] == pytest.approx(expected, abs=1e-5)
    assert sum(term.times for term in leaf.estimand.terms) == pytest.approx(0)


def test_what_does_not_run_at_cpu_is_what_the_readme_says():
    from common.report.planned import _replicates

    part = PaperPlan(load_paper("force"), load_scale("cpu"), expanded("cpu"), claims())
    assert {n for n, claim in claims().items() if _replicates(claim, part) is None} == NOT_AT_CPU


def test_a_claim_at_half_a_percent_reads_no_narrow_convolutional_network():
    for name, claim in claims().items():
        for leaf in claim.leaves:
            for ref in leaf.estimand.refs() if leaf.estimand else []:
                if ref.experiment in ("fig3_conv", "emptied_small"):
                    assert ref.selector.get("density", 1) in (0.1, 0.05, 0.02, 1), name


# ---- computed values of the sheet ---------------------------------------------------------------
@pytest.mark.parametrize(
    ("model", "classes", "shape", "weights"),
    [
        ("vgg19", 10, (3, 32, 32), 20_024_000),
        ("vgg19", 100, (3, 32, 32), 20_070_080),
        ("vgg19", 200, (3, 64, 64), 20_121_280),
        ("cifar_resnet50", 10, (3, 32, 32), 23_467_712),
        ("cifar_resnet50", 200, (3, 64, 64), 23_856_832),
        ("cifar_resnet18", 10, (3, 32, 32), 11_164_352),
    ],
)
def test_networks_hold_as_many_prunable_weights_as_the_paper_s(model, classes, shape, weights):
    net = build(model, classes=classes, in_shape=shape)
    assert sum(weight.numel() for weight in prunable(net).values()) == weights


def test_an_exponential_step_takes_a_constant_share_and_the_last_linear_one_nearly_all():
    shares = [1.0, *densities(0.01, 5)]
    kept = [after / before for before, after in pairwise(shares)]
    assert kept == pytest.approx([0.01**0.2] * 5)
    linear = densities(0.01, 5, "linear")
    assert 1 - linear[4] / linear[3] == pytest.approx(0.95, abs=0.003)


# ---- pictures -----------------------------------------------------------------------------------
def table(scale, experiment, measure, replicates=2):
    """A run table: `measure(settings, rng)` gives (step, split, metric, value) of a run."""
    rows = []
    for run, arm in plan(scale)["experiments"][experiment]["arms"].items():
        for replicate in range(replicates):
            rng = np.random.default_rng([zlib.crc32(run.encode()), replicate])
            for found in measure(arm["settings"], rng):
                rows.append((experiment, run, replicate, *found))
    columns = ["experiment", "run", "replicate", "step", "split", "metric", "value"]
    return pd.DataFrame(rows, columns=columns)


def errors(settings, rng):
    level = {"dense": 12.0, "random": 40.0}.get(settings["criterion"], 20.0)
    yield 500, "test", "error", level / math.sqrt(settings["density"] ** 0.2) + rng.normal(0, 0.3)


def objectives(settings, rng):
    yield (
        0,
        "score",
        "log_objective",
        math.log10(settings["scoring.steps"] or 1) + rng.normal(0, 0.1),
    )


def layers(settings, rng):
    for number in range(1, 6):
        empty = settings["criterion"] == "grasp" and number == 3
        yield 0, "mask", f"density:conv{number}.weight", 0.0 if empty else rng.uniform(0.001, 0.1)


def drawn(scale, experiment, measure, **options):
    runs = table(scale, experiment, measure, **options)
    known = published()[published()["experiment"] == experiment]
    figure = Figure(layout="constrained")
    entry = plan(scale)["experiments"][experiment]
    return getattr(own_functions("force"), experiment)(runs, entry, known, figure), runs, figure


def test_every_own_picture_is_one_of_an_experiment():
    assert set(own_functions("force").__all__) <= set(expanded("paper"))


@pytest.mark.parametrize(
    ("scale", "experiment", "panels"),
    [("cpu", "fig3_mlp", 2), ("cpu", "fig3_conv", 2), ("paper", "fig3_cifar10", 2)],
)
def test_errors_are_drawn_against_density_by_method(scale, experiment, panels):
    behind, runs, figure = drawn(scale, experiment, errors)
    values = behind.loc[behind["kind"] == "replicate", "value"].astype(float)
    assert sorted(values) == pytest.approx(sorted(runs["value"]))
    assert len(figure.axes) == panels
    first = figure.axes[0]
    assert first.get_xlim()[0] > first.get_xlim()[1]  # sparser to the right
    many = any(series.endswith("SNIP-MB") for series in behind["series"])
    assert many == (experiment != "fig3_conv")


def test_the_objective_is_drawn_from_the_one_shot_mask_on():
    behind, _, figure = drawn("cpu", "fig2_objective", objectives)
    assert [axes.get_title(loc="right") for axes in figure.axes] == ["LeNet-300-100", "VGG-19"]
    means = behind[behind["kind"] == "mean"]
    force = means.loc[means["series"] == "LeNet-300-100, FORCE", "run"]
    assert "snip" in force.iat[0] and len(force) == 4  # T of 1, 3, 10, 30
    assert len(means[means["series"] == "VGG-19, Iterative SNIP, linear"]) == 2
    assert not behind["run"].str.contains("authors_code|logit_nll").any()


def test_emptied_layers_are_told_in_the_picture_of_the_structure():
    behind, _, figure = drawn("cpu", "structure", layers)
    assert len(figure.axes) == 3  # two networks and the bar of colours
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert "GraSP  1 empty" in labels and "FORCE  0 empty" in labels
    grasp = behind[(behind["criterion"] == "grasp") & (behind["number"] == 3)]
    assert set(grasp["emptied"]) == {1.0} and set(grasp["density"]) == {0.0}
