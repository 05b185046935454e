import csv
import os
import re
import statistics
from pathlib import Path

import pytest
import snip_runs as made
from matplotlib.figure import Figure

from common import names
from common.audit.published import PublishedNumbers
from common.report.figures import draw, own_functions
from common.suite.claims import load_claims
from common.suite.cost import seconds
from papers.snip.pictures import INDEPENDENT

FOLDER = Path("papers/snip")
OTHER_METHODS = {"lwc", "dns", "lc", "sws", "svd", "obd", "l_obs", "grasp"}
OTHER_MODELS = {"wrn_16_4", "pysnip_mnist_net"}
REAL = Path(os.environ.get("DATA_ROOT", "")) / "MNIST/raw"
needs_mnist = pytest.mark.skipif(
    not os.environ.get("DATA_ROOT") or not REAL.exists(), reason="DATA_ROOT holds no MNIST"
)


def rows_of(**cells):
    table = made.published().to_dict("records")
    return [row for row in table if all(row[key] == value for key, value in cells.items())]


def test_every_published_number_of_an_arm_names_one_that_exists():
    arms = {(name, run) for name, item in made.expanded("paper").items() for run in item.arms}
    named = {(row["experiment"], row["run"]) for row in rows_of()} - {("", "")}
    assert named <= arms
    assert len(named) > 60


def test_an_arm_has_the_settings_that_its_published_row_states():
    for row in rows_of():
        if not row["run"]:
            continue
        arm = made.expanded("paper")[row["experiment"]].arms[row["run"]].settings
        assert arm.model == row["model"], row
        if row["experiment"] != "table2_counts":  # counts depend on the shape of the images alone
            assert arm.data == row["data"], row
        if row["metric"] != "mask_prunable":  # the count of all weights stands with the kept ones
            assert (arm.criterion, arm.density) == (row["criterion"], float(row["density"])), row


def test_models_data_and_methods_are_spelled_as_in_the_suite():
    for row in rows_of():
        assert row["model"] in names.MODELS.keys() | OTHER_MODELS
        assert row["data"] in names.DATA
        assert row["criterion"] in names.CRITERIA.keys() | OTHER_METHODS


def test_no_row_is_missing_and_only_the_appendix_is_recalled():
    counts = {}
    for row in rows_of():
        counts[row["source"]] = counts.get(row["source"], 0) + 1
    assert counts == {
        "Table 1": 20, "Table 2": 60, "Table 3": 16, "Figure 3": 5, "section 5.2": 2,
        "section 5.3": 2, "Tiny-ImageNet table": 10, "third party": 26,
    }  # fmt: skip
    assert {row["source"] for row in rows_of(origin="recalled")} == {"Tiny-ImageNet table"}


def test_printed_changes_are_the_differences_of_the_printed_errors():
    changes = rows_of(source="Table 2", metric="test_error_change")
    assert len(changes) == 12
    for row in changes:
        of = {"source": "Table 2", "metric": "test_error", "model": row["model"]}
        (sparse,), (dense,) = rows_of(**of, criterion="snip"), rows_of(**of, criterion="dense")
        assert float(sparse["value"]) - float(dense["value"]) == pytest.approx(float(row["value"]))


def test_printed_counts_follow_from_the_layers():
    totals = {}
    with open(FOLDER / "param_counts.csv", newline="") as file:
        for row in csv.DictReader(file):
            if row["layer"] == "TOTAL.weights+biases":
                totals.setdefault(re.sub(r"[^a-z0-9]+", "_", row["model"].lower()), row["params"])
    wrong = set()
    for metric, share in (("mask_kept", True), ("mask_prunable", False)):
        for row in rows_of(source="Table 2", metric=metric):
            exact = int(totals[row["model"]]) * (float(row["density"]) if share else 1)
            printed = re.search(r"printed ([\d.]+)([km])", row["note"])
            unit = {"k": 1e3, "m": 1e6}[printed[2]]
            assert float(row["value"]) == pytest.approx(float(printed[1]) * unit)
            decimals = len(printed[1].partition(".")[2])
            if abs(exact / unit - float(printed[1])) > 0.5 * 10**-decimals:
                wrong.add((row["model"], metric))
    # The slips of the submission that its rows' notes name; every kept count comes out.
    assert wrong == {(model, "mask_prunable") for model in ("wrn_16_8", "vgg_like", "lstm_b")}
    assert all(
        "; " in row["note"]
        for model, metric in wrong
        for row in rows_of(model=model, metric=metric, source="Table 2")
    )


def test_what_the_claims_say_was_published_is_there_once_each():
    numbers = PublishedNumbers(made.published())
    shown, counted = {}, {}
    for name, claim in load_claims(FOLDER / "claims.yaml").items():
        for leaf in claim.leaves:
            if leaf.published_value:
                key = f"{name}/{leaf.part}" if leaf.part else name
                shown[key] = numbers.shown(leaf.published_value)["value"]
        if claim.published:
            count = numbers.count(claim.published)  # refused if a cell is not exactly one row
            counted[name] = count.yes + count.no + count.undecided
    # Errors of Table 1, sparse minus dense, as the paper prints them.
    printed = {"SNIP-05": -0.1, "SNIP-06": 0.7, "SNIP-07": -0.1, "SNIP-08": 0.2}
    # Table 2 likewise; what its networks lose is not judged from it, since no spread is printed.
    convolutional = {
        "alexnet_s": 0.87,
        "alexnet_b": 0.58,
        "vgg_c": 0.45,
        "vgg_d": 0.33,
        "vgg_like": -0.26,
    }
    residual = {"wrn_16_8": 0.42, "wrn_16_10": 0.52, "wrn_22_8": -0.29}
    recurrent = {"lstm_s": -0.31, "lstm_b": 0.20, "gru_s": 0.54, "gru_b": -0.19}
    groups = (convolutional, residual, recurrent)
    for claim, parts in zip(("SNIP-09", "SNIP-10", "SNIP-11"), groups, strict=True):
        printed |= {f"{claim}/{part}": value for part, value in parts.items()}
        printed |= {f"SNIP-22/{part}": value for part, value in parts.items()}
    assert shown == pytest.approx(printed)
    assert counted == {"SNIP-17": 12}


def drawn(scale, experiment):
    """Return a run table and the SVG, the PNG and the data behind that it gives."""
    runs = made.table(scale, experiment, made.MEASURES[experiment])
    return runs, *draw(made.plan(scale), experiment, runs, made.published(), own_functions("snip"))


def data_behind(scale, experiment, runs=None, figure=None):
    """Return the data behind a picture that is not saved."""
    if runs is None:
        runs = made.table(scale, experiment, made.MEASURES[experiment], replicates=1)
    known = made.published()[made.published()["experiment"] == experiment]
    entry = made.plan(scale)["experiments"][experiment]
    function = getattr(own_functions("snip"), experiment)
    return function(runs, entry, known, figure or Figure(layout="constrained"))


def test_every_own_picture_is_one_of_an_experiment():
    own = own_functions("snip")
    assert set(own.__all__) == set(made.MEASURES)
    assert set(own.__all__) <= set(made.plan("paper")["experiments"])


@pytest.mark.parametrize("experiment", sorted(made.MEASURES))
def test_every_picture_is_drawn_with_all_replicates_behind(experiment):
    runs, svg, png, behind = drawn("smoke", experiment)
    assert svg.startswith(b"<?xml") and png.startswith(b"\x89PNG")
    assert set(behind["run"]) == set(runs["run"])
    if "kind" in behind:
        values = behind.loc[behind["kind"] == "replicate", "value"].astype(float)
        shown = (
            runs if experiment != "layer_densities" else runs[~runs["metric"].str.endswith("bias")]
        )
        factor = 100 if experiment == "layer_densities" else 1
        assert sorted(values) == pytest.approx(sorted(factor * shown["value"]))


def test_a_single_replicate_and_a_half_finished_experiment_are_drawn():
    for experiment in ("fig1_lenet_300_100", "fig3_errors"):
        runs = made.table("cpu", experiment, made.errors, replicates=1)
        started = runs[runs["run"].isin(sorted(set(runs["run"]))[:2])]
        behind = data_behind("cpu", experiment, started)
        assert set(behind.loc[behind["kind"] == "replicate", "run"]) == set(started["run"])


def test_figure_1_is_against_sparsity():
    behind = data_behind("paper", "fig1_lenet_300_100")
    means = behind[behind["kind"] == "mean"].set_index("run")["x"].astype(float)
    assert means["dense"] == 0 and means["snip_0_9"] == 10 and means["snip_0_05"] == 95


@pytest.mark.parametrize("level, told", [(20.0, True), (1.95, False)])
def test_random_pruning_far_beyond_the_rest_is_said_in_words(level, told):
    def measure(settings, rng):
        for step, split, metric, value in made.errors(settings, rng):
            random = settings["criterion"] == "random"
            yield step, split, metric, level if random else value

    figure = Figure(layout="constrained")
    runs = made.table("paper", "fig1_lenet5", measure)
    data_behind("paper", "fig1_lenet5", runs, figure)
    axes = figure.axes[0]
    assert [text.get_text().startswith("random 20.0") for text in axes.texts] == [True] * told
    assert axes.get_ylim()[1] < 3


def test_figure_2_shows_each_mask_as_it_was_measured():
    runs = made.table("smoke", "fig2_images", made.pixels)
    behind = data_behind("smoke", "fig2_images", runs)
    first = runs[(runs["replicate"] == 0) & (runs["run"] == behind["run"].iat[3])]
    assert list(behind.filter(like="pixel_").iloc[3]) == list(first["value"])
    assert sorted(behind["class"]) == list(range(10)) and set(behind["data"]) == {"digits"}


def test_figure_4_names_labels_and_decay():
    behind = data_behind("paper", "fig4_random_labels")
    assert set(behind["series"]) == {
        "dense, true labels", "dense, random labels", "SNIP, 99 % sparse, true labels",
        "SNIP, 99 % sparse, random labels", "dense, random labels, weight decay",
    }  # fmt: skip
    assert set(behind["step"]) == {10, 20, 30}


def test_table_3_shows_published_numbers_and_the_paper_s_order():
    behind = data_behind("paper", "table3_recurrent")
    published = behind[behind["kind"] == "published"].set_index("run")["value"]
    assert published["gru_s_snip_0_1_init_rn"] == 47.61 and len(published) == 8
    series = list(dict.fromkeys(behind["series"]))
    order = [label.removeprefix("GRU-s, ") for label in series if label.startswith("GRU-s")]
    assert order[:5] == ["dense", *(f"scored at {i}" for i in ("RN", "TN", "VS-X", "VS-H"))]


def test_independent_densities_stand_only_beside_runs_on_mnist():
    measured = data_behind("cpu", "layer_densities")
    digits = data_behind("smoke", "layer_densities")
    independent = measured[measured["kind"] == "independent"]
    assert len(independent) == sum(map(len, INDEPENDENT.values())) == 20
    assert not (digits["kind"] == "independent").any()
    one = independent[
        (independent["run"] == "lenet_300_100_0_05") & (independent["layer"] == "fc1")
    ]
    assert one["value"].item() == 3.25 and one["source"].item().startswith("independent")


def test_equal_runs_give_equal_bytes():
    assert drawn("smoke", "fig3_images")[1:3] == drawn("smoke", "fig3_images")[1:3]


@needs_mnist
def test_measured_layer_densities_agree_with_the_independent_ones():
    from common.procedures.execute import execute, prepare
    from common.suite.start import job

    device, found = prepare("cpu", 1), {}
    for run in made.expanded("paper")["layer_densities"].arms["lenet_300_100_0_05"].runs[:3]:
        spec = job(run)
        spec["settings"]["measures"] = ["layer_density"]
        rows, _ = execute(spec, None, device)
        for row in rows:
            found.setdefault(row.metric, []).append(100 * row.value)
    for layer, (mean, sd) in INDEPENDENT["lenet_300_100", 0.05].items():
        measured = statistics.mean(found[f"density:{layer}.weight"])
        assert abs(measured - mean) < 3 * sd / 3**0.5, layer


UNITS = {"s": 1, "min": 60, "h": 3600}


def planned(scale, experiment):
    item = made.expanded(scale)[experiment]
    return sum(seconds(run.settings) for arm in item.arms.values() for run in arm.runs)


def test_readme_lists_every_experiment_with_its_planned_time():
    text = (FOLDER / "README.md").read_text()
    rows = dict(re.findall(r"^\| [^|]+ \| `(\w+)` \|(.*)\|$", text, re.MULTILINE))
    assert rows.keys() == made.expanded("paper").keys()
    for name, cells in rows.items():
        about, *times = (cell.strip() for cell in cells.split("|"))
        skipped = made.expanded("cpu")[name].skipped
        assert (about == "does not run") == bool(skipped), name
        for scale, time in zip(("cpu", "paper"), times, strict=True):
            if scale == "cpu" and skipped:
                assert time == ""
                continue
            amount, unit = time.split()
            stated = float(amount.replace(",", "")) * UNITS[unit]
            assert stated / 2 < planned(scale, name) < stated * 2, (name, scale, time)


def test_the_cpu_scale_fits_its_budget_and_the_readme_says_so():
    runs = {
        run.digest: run
        for item in made.expanded("cpu").values()
        if not item.skipped
        for arm in item.arms.values()
        for run in arm.runs
    }
    minutes = sum(seconds(run.settings) for run in runs.values()) / 60 / 2
    assert minutes <= 75
    text = (FOLDER.parents[1] / "README.md").read_text()
    stated = int(re.search(r"\[snip\].*?\| (\d+) min, planned", text)[1])
    assert abs(stated - minutes) < 3, minutes
