import functools
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from common import names
from common.audit.published import PublishedNumbers
from common.products import read_published
from common.report.figures import draw, own_functions
from common.suite.claims import load_claims
from common.suite.cost import seconds
from common.suite.expand import expand
from common.suite.experiments import load_paper, load_scale, load_scales
from common.suite.plan import PaperPlan, Plan, Request
from common.suite.start import paper_plan

FOLDER = Path("papers/synflow")
OTHER_METHODS = {"grasp_inverted"}
OTHER_MODELS = {"wide_resnet18", ""}
OTHERS = ["random", "magnitude", "snip", "grasp_inverted"]


@functools.cache
def expanded(scale):
    loaded = load_paper("synflow")
    return expand(loaded, load_scales())[scale]


@functools.cache
def plan(scale):
    part = PaperPlan(load_paper("synflow"), load_scale(scale), expanded(scale), {})
    return paper_plan(Plan(Request(scale=scale), {"synflow": part}), part)


@functools.cache
def published():
    return read_published(FOLDER / "published.csv")


def rows_of(**cells):
    return [
        row
        for row in published().to_dict("records")
        if all(row[key] == value for key, value in cells.items())
    ]


@functools.cache
def figure_6():
    """Accuracies of Figure 6, a row a network, data set and alpha, a column a method."""
    table = published()
    table = table[(table["source"] == "Figure 6") & (table["metric"] == "test_best_error")]
    table = table.assign(
        accuracy=100 - table["value"].astype(float),
        alpha=[round(-math.log10(float(density)), 2) for density in table["density"]],
    )
    return table.pivot(
        index=["model", "data", "alpha"], columns="criterion", values="accuracy"
    ).reset_index()


def test_every_published_number_of_an_arm_has_its_settings():
    named = 0
    for row in rows_of():
        if not row["run"]:
            continue
        named += 1
        arm = expanded("paper")[row["experiment"]].arms[row["run"]].settings
        assert (arm.model, arm.data) == (row["model"], row["data"]), row
        if arm.criterion != "dense":  # at density 1 the arrays name the method that removed nothing
            assert arm.criterion == row["criterion"], row
        assert arm.density == pytest.approx(float(row["density"])), row
        if row["source"] == "Figure 7":
            schedule, steps = re.fullmatch(r"(\w+), (\d+) steps?", row["note"]).groups()
            assert (arm.scoring.schedule, arm.scoring.steps) == (schedule, int(steps))
        if row["source"] == "Figure 5a":
            assert f"{arm.rounds.count} round" in row["note"]
    assert named > 400


def test_no_row_is_missing_and_none_is_recalled():
    counts = {}
    for row in rows_of():
        counts[row["source"]] = counts.get(row["source"], 0) + 1
    assert counts == {
        "Figure 1": 135, "Figure 2": 65, "Figure 3": 10, "Figure 4": 10, "Figure 5a": 50,
        "Figure 6": 420 + 36, "Figure 7": 36, "abstract": 1,
    }  # fmt: skip
    assert len(rows_of(metric="test_best_error_sd")) == 36
    assert all(row["origin"].startswith("found:") for row in rows_of())


def test_models_data_and_methods_are_spelled_as_in_the_suite():
    for row in rows_of():
        known = names.MODELS.keys() | OTHER_MODELS
        assert row["model"] in known or row["model"].startswith(names.MODEL_PREFIXES), row
        assert row["data"] in names.DATA.keys() | {""}
        assert row["criterion"] in names.CRITERIA.keys() | OTHER_METHODS


def test_numbers_are_those_of_the_released_arrays():
    def value(**cells):
        (row,) = rows_of(**cells)
        return float(row["value"]), row["spread"], row["n"]

    at = {"source": "Figure 6", "metric": "test_best_error", "density": "0.01"}
    assert value(**at, model="vgg16", data="cifar100", criterion="synflow")[0] == 36.49
    at = {"source": "Figure 1", "density": "0.000562341", "metric": "test_best_error"}
    assert value(**at, criterion="synflow") == (66.84, "0.21", "3")
    found = value(source="Figure 4", metric="score_size_slope", criterion="snip")
    assert found == (0.556, "", "1")
    lost = {"source": "Figure 2", "metric": "mask_empty_layers", "density": "5.96046e-08"}
    assert value(**lost, criterion="synflow")[0] == 19


def test_spreads_repeated_as_numbers_are_those_of_their_means():
    for row in rows_of(metric="test_best_error_sd"):
        same = ("source", "model", "data", "criterion", "density")
        (mean,) = rows_of(metric="test_best_error", **{key: row[key] for key in same})
        assert row["value"] == mean["spread"] and mean["density"] == "0.001"


def test_wins_and_near_wins_are_as_many_as_reported():
    table = figure_6()
    gap = table["synflow"] - table[OTHERS].max(axis=1)
    wins = gap.gt(0).groupby(table["alpha"]).sum()
    assert list(wins.loc[[0.5, 1, 1.5, 2, 2.5, 3]]) == [4, 4, 6, 10, 12, 12]
    low, high = table["alpha"].between(0.5, 1.5), table["alpha"] >= 2
    assert (gap[low] >= -1).sum() == 30 and low.sum() == 36
    assert (gap[high] >= -1).sum() == 36 and high.sum() == 36
    # Every failure is a residual network on CIFAR-100 or Tiny ImageNet, the worst by 2.6 points.
    failed = table[(gap < -1) & (table["alpha"] > 0)]
    assert set(failed["model"]) == {"cifar_resnet18", "wide_resnet18"}
    assert set(failed["data"]) == {"cifar100", "tiny_imagenet"}
    assert gap[table["alpha"] > 0].min() == pytest.approx(-2.62)


def test_how_often_each_method_is_above_random():
    table = figure_6()[figure_6()["alpha"] > 0]
    above = {name: int((table[name] > table["random"]).sum()) for name in table if name in OTHERS}
    above["synflow"] = int((table["synflow"] > table["random"]).sum())
    assert above == {"random": 0, "magnitude": 29, "snip": 61, "grasp_inverted": 44, "synflow": 66}


def test_what_the_claims_say_was_published_is_there_once_each():
    numbers = PublishedNumbers(published())
    counted, shown = {}, {}
    for name, claim in load_claims(FOLDER / "claims.yaml").items():
        if claim.published:
            found = numbers.count(claim.published)  # refused if a cell is not exactly one row
            counted[name] = (found.yes, found.no, found.undecided)
        for leaf in claim.leaves:
            if leaf.published_value:
                shown[f"{name}/{leaf.part}"] = numbers.shown(leaf.published_value)["value"]
    assert counted == {
        "SYNFLOW-08": (12, 0, 0), "SYNFLOW-09": (6, 0, 0), "SYNFLOW-10": (24, 0, 0),
        "SYNFLOW-13": (4, 0, 0), "SYNFLOW-14": (127, 0, 17), "SYNFLOW-15": (124, 5, 15),
        "SYNFLOW-16": (21, 3, 0), "SYNFLOW-20": (265, 5, 18), "SYNFLOW-21": (1, 0, 0),
        "SYNFLOW-22": (61, 4, 7),
    }  # fmt: skip
    assert shown == {
        "SYNFLOW-03/magnitude": 135.068, "SYNFLOW-21/vgg16": 90.4,
        **{f"SYNFLOW-04/{net}_synflow": 1.0 for net in ("mlp", "vgg19")},
        **{f"SYNFLOW-04/{net}_random": 0.001 for net in ("mlp", "vgg19")},
    }  # fmt: skip


def test_every_claim_is_there_and_the_released_settings_are_all_compared():
    claims = load_claims(FOLDER / "claims.yaml")
    assert list(claims) == [f"SYNFLOW-{number:02}" for number in range(1, 23)]
    of_paper = {name for name in expanded("paper") if name.startswith("fig6_")}
    own = {
        name: sum(
            leaf.estimand is not None and leaf.estimand.experiment in of_paper
            for leaf in claim.leaves
        )
        for name, claim in claims.items()
    }
    assert own["SYNFLOW-14"] == own["SYNFLOW-15"] == 12 * 6
    assert own["SYNFLOW-20"] == 12 * 12
    assert own["SYNFLOW-22"] == 12 * 12 + 7 * 2
    assert own["SYNFLOW-16"] == 12 * 2
    figure_7 = [leaf.estimand.experiment for leaf in claims["SYNFLOW-08"].leaves]
    assert figure_7.count("fig7_vgg19") == figure_7.count("schedules") == 60


def test_stand_ins_share_the_recipes_of_the_other_papers():
    arms = expanded("cpu")
    mlp = arms["mlp_fig6"].arms["fashion_mnist_snip_0_1"].settings
    assert mlp.explicit() == {
        "procedure": "prune_then_train", "model": "lenet_300_100", "init": "kaiming_normal",
        "data": "fashion_mnist", "subset": 10000, "criterion": "snip", "density": 0.1,
        "scoring": {"sampling": "balanced"},
        "recipe": {
            "lr": 0.05, "momentum": 0.9, "batch": 100, "steps": 500, "milestones": [250, 400],
            "evaluations": 1,
        },
    }  # fmt: skip
    conv = arms["conv_fig6"].arms
    assert len(conv) == 2 + 2 * 5 + 2 * 4
    assert {arm.settings.density for arm in conv.values()} == {1, 0.1, 0.02}
    shared = {run.digest for arm in arms["mlp_fig6"].arms.values() for run in arm.runs}
    again = [run.digest for arm in arms["mlp_fig1"].arms.values() for run in arm.runs]
    assert sum(digest in shared for digest in again) == 3 * 10


def made(scale, experiment, replicates=2):
    """A run table of made-up numbers of the metrics that the pictures show."""
    rows = []
    for run, arm in plan(scale)["experiments"][experiment]["arms"].items():
        settings = arm["settings"]
        for replicate in range(replicates):
            rng = np.random.default_rng([len(run), replicate])
            steps = settings["scoring.steps"] or 1
            if settings["procedure"] == "analyse_masks":
                found = [
                    ("mask", "alpha_path", 2 + rng.random()),
                    ("mask", "alpha_max", 4.9),
                    ("score", "prune_size_ratio", (1 + rng.random()) / steps),
                ]
            else:
                found = [("test", "error", 30 + 10 * rng.random())]
            rows += [(experiment, run, replicate, 0, *one) for one in found]
    columns = ["experiment", "run", "replicate", "step", "split", "metric", "value"]
    return pd.DataFrame(rows, columns=columns)


@pytest.mark.parametrize("experiment", own_functions("synflow").__all__)
def test_every_picture_is_drawn_with_all_replicates_behind(experiment):
    runs = made("smoke", experiment)
    svg, png, behind = draw(plan("smoke"), experiment, runs, published(), own_functions("synflow"))
    assert svg.startswith(b"<?xml") and png.startswith(b"\x89PNG")
    metric = plan("smoke")["experiments"][experiment]["metric"]
    shown = runs[runs["split"] + "_" + runs["metric"] == metric]
    values = behind.loc[behind["kind"] == "replicate", "value"].astype(float)
    assert sorted(values) == pytest.approx(sorted(shown["value"]))


def test_accuracies_stand_in_the_picture_and_errors_behind():
    runs = made("cpu", "mlp_fig5a")
    runs["value"] = 12.5
    figure = Figure(layout="constrained")
    entry = plan("cpu")["experiments"]["mlp_fig5a"]
    behind = own_functions("synflow").mlp_fig5a(runs, entry, published().iloc[:0], figure)
    lines = [line.get_ydata() for line in figure.axes[0].lines if len(line.get_ydata())]
    assert {float(y) for line in lines for y in line} == {87.5}
    assert set(behind["value"].astype(float)) == {12.5}


UNITS = {"s": 1, "min": 60, "h": 3600}


def test_readme_lists_every_experiment_with_its_planned_time():
    text = (FOLDER / "README.md").read_text()
    rows = dict(re.findall(r"^\| [^|]+ \| `(\w+)` \|(.*)\|$", text, re.MULTILINE))
    assert rows.keys() == expanded("paper").keys()
    for name, cells in rows.items():
        about, *times = (cell.strip() for cell in cells.split("|"))
        assert (about == "does not run") == bool(expanded("cpu")[name].skipped), name
        for scale, time in zip(("cpu", "paper"), times, strict=True):
            if expanded(scale)[name].skipped:
                assert time == ""
                continue
            amount, unit = time.split()
            stated = float(amount.replace(",", "")) * UNITS[unit]
            arms = expanded(scale)[name].arms.values()
            planned = sum(seconds(run.settings) for arm in arms for run in arm.runs)
            assert stated / 2 < planned < stated * 2, (name, scale, time)
