"""The paper folder of GraSP: names, counts, a few numbers, pictures, planned times."""

import functools
import re
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from common import names
from common.audit.published import PublishedNumbers
from common.products import read_published
from common.report.figures import draw, own_functions
from common.report.planned import _replicates
from common.suite.claims import load_claims
from common.suite.cost import seconds
from common.suite.expand import expand
from common.suite.experiments import load_paper, load_scale, load_scales
from common.suite.plan import PaperPlan, Plan, Request
from common.suite.start import paper_plan

FOLDER = Path("papers/grasp")
OTHER_METHODS = {"obd", "mlprune", "dsr", "set", "deep_r"}
LAYERS = ("conv1", "conv2", "fc")
CHOICES = ("temperature_2000", "temperature_1", "chunks", "eval_mode", "redrawn", "absolute",
           "inverted")  # fmt: skip


@functools.cache
def expanded(scale):
    loaded = load_paper("grasp")
    return expand(loaded, load_scales())[scale]


@functools.cache
def plan(scale):
    part = PaperPlan(load_paper("grasp"), load_scale(scale), expanded(scale), {})
    return paper_plan(Plan(Request(scale=scale), {"grasp": part}), part)


@functools.cache
def published():
    return read_published(FOLDER / "published.csv")


@functools.cache
def claims():
    return load_claims(FOLDER / "claims.yaml")


def rows_of(**cells):
    table = published().to_dict("records")
    return [row for row in table if all(row[key] == value for key, value in cells.items())]


def value(**cells):
    (row,) = rows_of(metric="test_error", **cells)
    return float(row["value"])


def arms(experiment, scale="paper"):
    return {name: arm.settings for name, arm in expanded(scale)[experiment].arms.items()}


def test_every_published_number_of_an_arm_names_one_with_its_settings():
    for row in rows_of():
        assert row["model"].removeprefix("torchvision:") in names.MODELS.keys() | {"vgg16_bn"}
        assert row["data"] in names.DATA
        assert row["criterion"] in names.CRITERIA.keys() | OTHER_METHODS
        assert (row["run"] == "") == (row["criterion"] in OTHER_METHODS)
        if row["run"]:
            arm = arms(row["experiment"])[row["run"]]
            stated = (row["model"], row["data"], row["criterion"], float(row["density"]))
            assert (arm.model, arm.data, arm.criterion, arm.density) == stated, row


def test_no_row_and_no_claim_is_missing_and_all_but_two_numbers_are_recalled():
    counts = {}
    for row in rows_of():
        counts[row["source"]] = counts.get(row["source"], 0) + 1
    assert counts == {
        "Table 1": 24, "Table 2": 112, "Table 3": 12, "Table 4": 12, "Abstract": 1,
        "quoted by a later abstract": 1,
    }  # fmt: skip
    assert {row["source"] for row in rows_of() if row["origin"] != "recalled"} == {
        "Abstract", "quoted by a later abstract",
    }  # fmt: skip
    assert list(claims()) == [f"GRASP-{number:02d}" for number in range(1, 18)]


def test_a_few_numbers_of_the_tables():
    """Accuracies as printed, 100 less the error kept here."""
    vgg = {"source": "Table 2", "experiment": "cifar10_vgg19"}
    assert value(**vgg, run="dense") == pytest.approx(100 - 94.23)
    assert value(**vgg, run="grasp_0_02") == pytest.approx(100 - 92.19)
    assert value(**vgg, run="lottery_epoch_5_0_05") == pytest.approx(100 - 93.61)
    resnet = {"source": "Table 2", "experiment": "cifar10_resnet32"}
    assert value(**resnet, run="lottery_0_02") == pytest.approx(100 - 88.78)
    gaps = [
        value(source="Table 1", experiment="cifar10_vgg19", run=f"random_{at}")
        - value(source=of, experiment="cifar10_vgg19", run=f"grasp_{at}")
        for at, of in (("0_05", "Table 2"), ("0_02", "Table 2"), ("0_01", "Table 1"),
                       ("0_005", "Table 1"))
    ]  # fmt: skip
    assert gaps == pytest.approx([3.57, 5.48, 9.12, 15.72])
    (drop,) = rows_of(metric="test_error_change")
    assert drop["value"] == "1.6" and drop["origin"].startswith("found:")


def test_what_the_claims_say_was_published_is_there_once_each():
    numbers = PublishedNumbers(published())
    shown = {
        f"{name}/{leaf.part}": numbers.shown(leaf.published_value)
        for name, claim in claims().items()
        for leaf in claim.leaves
        if leaf.published_value
    }
    values = {key: found["value"] for key, found in shown.items()}
    assert values["GRASP-05/cifar100_vgg19"] == pytest.approx(10.44)
    assert values["GRASP-05/cifar10_resnet32"] == pytest.approx(1.30)
    assert values["GRASP-06/cifar100_vgg19/snip_ahead"] == pytest.approx(0.89)
    assert values["GRASP-08/cifar10_resnet32"] == pytest.approx(0.03)
    # Equal methods: what the sheet gives as the range of GraSP's lead at 90 and 95 % sparsity.
    close = [found for key, found in values.items() if key.startswith("GRASP-04")]
    assert (min(close), max(close)) == pytest.approx((-0.89, 1.28)) and len(close) == 8
    decided = {key for key, found in shown.items() if found["origin"] != "recalled"}
    assert decided == {"GRASP-10/None"}
    assert not any(claim.published for claim in claims().values())


def test_margins_are_those_of_the_sheet():
    margins = {
        "GRASP-01": {1e-5}, "GRASP-02": {0}, "GRASP-03": {0, 1}, "GRASP-04": {1, 2},
        "GRASP-05": {0, 1}, "GRASP-06": {0}, "GRASP-07": {0.5}, "GRASP-08": {1},
        "GRASP-10": {2.1}, "GRASP-11": {1.5}, "GRASP-12": {1}, "GRASP-13": {0}, "GRASP-14": {0},
        "GRASP-15": {0.9}, "GRASP-16": {0, 1},
    }  # fmt: skip
    for name, expected in margins.items():
        leaves = [leaf for leaf in claims()[name].leaves if leaf.kind != "none"]
        assert {leaf.supported_beyond for leaf in leaves} == expected, name
    growth = [leaf for leaf in claims()["GRASP-03"].leaves if "growth" in str(leaf.part)]
    assert [leaf.supported_beyond for leaf in growth if leaf.kind != "none"] == [0] * 4


def test_every_trained_claim_has_a_part_at_cpu_and_a_floor_and_a_contrast():
    skipped = {name for name, item in expanded("cpu").items() if item.skipped}
    for name, claim in claims().items():
        leaves = [leaf for leaf in claim.leaves if leaf.kind != "none"]
        read = {ref.experiment for leaf in leaves for ref in leaf.estimand.refs()}
        assert (read <= skipped) == (name in ("GRASP-09", "GRASP-10")), name
        for leaf in leaves:
            procedures = {
                arm.procedure
                for ref in leaf.estimand.refs()
                for scale in ("cpu", "paper")  # what is skipped has no arms
                for arm in arms(ref.experiment, scale).values()
            }
            if procedures != {"analyse_masks"}:
                assert leaf.control.floor and leaf.control.contrast, (name, leaf.part)


def test_the_code_s_reading_is_that_of_the_released_code():
    """Two halves sorted by class and a drawn head; CIFAR-100 scores ten times as many images."""
    for experiment, batch in (("cifar10_vgg19", 50), ("cifar10_resnet32", 50),
                              ("cifar100_vgg19", 500)):  # fmt: skip
        scoring = arms(experiment)["grasp_code_0_1"].scoring
        primary = arms(experiment)["grasp_0_1"].scoring
        assert (scoring.reading, scoring.sampling) == ("authors_code", "by_class")
        assert (scoring.batch, scoring.batches) == (batch, 2)
        assert (scoring.init, scoring.redrawn) == ("xavier_normal", "linear")
        assert (primary.batch, primary.batches, primary.init) == (2 * batch, 1, None)


def test_rounds_of_lottery_tickets_remove_about_a_fifth_each():
    for name, arm in arms("cifar10_resnet32").items():
        if name.startswith("lottery"):
            assert arm.density ** (1 / arm.rounds.count) == pytest.approx(0.8, abs=0.006)
            epochs = arm.rounds.rewind * 160
            assert epochs == (5 if "epoch_5" in name else 0)


def test_stand_ins_share_their_runs():
    """The controls of the smaller experiments are runs of the tables."""

    def digests(experiment):
        return {run.digest for arm in expanded("cpu")[experiment].arms.values() for run in arm.runs}

    table = digests("mlp_table")
    for experiment, own in (("mlp_after_training", 40), ("mlp_turned", 80), ("mlp_init", 60),
                            ("mlp_examples", 40)):  # fmt: skip
        assert len(digests(experiment) - table) == own, experiment


def made(experiment, scale, replicates=2):
    """Return a run table of made-up values, as the experiment's measures would write it."""
    entry = plan(scale)["experiments"][experiment]
    rows = []
    for run in entry["arms"]:
        for replicate in range(replicates):
            rng = np.random.default_rng([zlib.crc32(run.encode()), replicate])
            if experiment.startswith("layer_shares"):
                found = [(0, "mask", f"density:{n}.weight", rng.uniform(0, 0.1)) for n in LAYERS]
                found.append((0, "mask", "density:empty.weight", 0.0))
            elif experiment.startswith("mask_choices"):
                found = [(0, "overlap", f"{choice}:{density}", rng.random())
                         for choice in CHOICES for density in ("0.1", "0.02")]  # fmt: skip
            else:
                found = [(step, "batch", metric, rng.normal(2, 0.1))
                         for step in (0, 1, 2) for metric in ("log_gradient", "loss")]  # fmt: skip
            rows += [(experiment, run, replicate, *row) for row in found]
    columns = ["experiment", "run", "replicate", "step", "split", "metric", "value"]
    return pd.DataFrame(rows, columns=columns)


def check_behind(behind, runs):
    assert set(behind["run"]) == set(runs["run"])
    values = behind.loc[behind["kind"] == "replicate", "value"].astype(float)
    assert sorted(values) == pytest.approx(sorted(runs["value"]))
    means = behind[behind["kind"] == "mean"]
    assert len(means) * 2 == len(runs) and (means["n"] == 2).all()


@pytest.mark.parametrize("experiment", ["layer_shares_narrow", "mask_choices_narrow", "mlp_early"])
def test_a_picture_is_drawn_with_all_replicates_behind(experiment):
    runs = made(experiment, "smoke")
    svg, png, behind = draw(plan("smoke"), experiment, runs, published(), own_functions("grasp"))
    assert svg.startswith(b"<?xml") and png.startswith(b"\x89PNG")
    check_behind(behind, runs)


@pytest.mark.parametrize(
    ("experiment", "scale"),
    [("layer_shares", "paper"), ("layer_shares_narrow", "cpu"), ("mask_choices", "paper"),
     ("mask_choices_narrow", "cpu"), ("fig_gradient_norm", "paper"), ("mlp_early", "cpu")],
)  # fmt: skip
def test_every_arm_of_a_scale_finds_its_place(experiment, scale):
    runs = made(experiment, scale)
    function = getattr(own_functions("grasp"), experiment)
    entry = plan(scale)["experiments"][experiment]
    check_behind(function(runs, entry, published(), Figure(layout="constrained")), runs)


def test_every_own_picture_is_one_of_an_experiment():
    assert set(own_functions("grasp").__all__) <= set(expanded("paper"))


UNITS = {"s": 1, "min": 60, "h": 3600}


def test_readme_lists_every_experiment_with_its_planned_time():
    text = (FOLDER / "README.md").read_text()
    rows = dict(re.findall(r"^\| [^|]+ \| `(\w+)` \|(.*)\|$", text, re.MULTILINE))
    assert rows.keys() == expanded("paper").keys()
    for name, cells in rows.items():
        about, *times = (cell.strip() for cell in cells.split("|"))
        assert (about == "does not run") == bool(expanded("cpu")[name].skipped), name
        for scale, time in zip(("cpu", "paper"), times, strict=True):
            item = expanded(scale)[name]
            if item.skipped:
                assert time == "", name
                continue
            planned = sum(seconds(run.settings) for arm in item.arms.values() for run in arm.runs)
            amount, unit = time.split()
            stated = float(amount.replace(",", "")) * UNITS[unit]
            assert stated / 2 < planned < stated * 2, (name, scale, time)


@pytest.mark.parametrize(
    ("claim", "scale", "replicates"),
    [
        ("GRASP-03", "cpu", 5),  # one part says why it is not judged
        ("GRASP-06", "cpu", 5),  # stand-ins made of parts
        ("GRASP-07", "cpu", 10), ("GRASP-08", "cpu", 10),
        ("GRASP-16", "cpu", 10),  # stand-ins below parts
        ("GRASP-16", "paper", 5), ("GRASP-09", "cpu", None), ("GRASP-09", "paper", 3),
    ],
)  # fmt: skip
def test_planning_counts_the_replicates_of_the_parts_that_decide(claim, scale, replicates):
    paper = PaperPlan(load_paper("grasp"), load_scale(scale), expanded(scale), claims())
    assert _replicates(claims()[claim], paper) == replicates
