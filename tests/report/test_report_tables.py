import math
import subprocess
import sys

import pandas as pd
import pytest
import synthetic_results as made
from scipy import stats

from common import store, tables
from common.errors import Refused
from common.products import read_published
from common.report import read_runs, stored_runs
from common.report.cells import number
from common.report.estimates import arm_values, estimate, final_values
from common.report.tables import NOT_YET, experiment_table, read_table, shown, to_csv, to_markdown


def small_plan():
    arms = {
        "dense": made.arm("dense", made.settings(), n=3),
        "edge_0_1": made.arm("edge_0_1", made.settings(criterion="edge", density=0.1), n=4),
    }
    entry = made.experiment("Table 1", "Small", arms)
    return {"paper": "edge", "scale": "cpu", "experiments": {"small": entry}}


def run_table(*rows):
    columns = ["experiment", "run", "replicate", "step", "split", "metric", "value"]
    return pd.DataFrame([("small", *row) for row in rows], columns=columns)


def published(*rows):
    base = dict.fromkeys(made.PUBLISHED, "")
    base |= {"experiment": "small", "run": "dense", "metric": "test_error", "origin": "found:T1"}
    return pd.DataFrame([base | row for row in rows], columns=made.PUBLISHED)


RUNS = run_table(
    ("dense", 0, 200, "test", "error", 1.0),
    ("dense", 0, 100, "test", "error", 9.0),
    ("dense", 1, 200, "test", "error", 2.0),
    ("dense", 2, 200, "test", "error", 3.0),
    ("dense", 0, 200, "test", "best_error", 0.5),
    ("edge_0_1", 0, 200, "test", "error", 4.0),
    ("edge_0_1", 2, 200, "test", "error", 6.0),
)


def test_mean_and_sd_over_replicates_of_the_last_step():
    table = experiment_table(small_plan(), "small", RUNS, published())
    dense, edge = table.to_dict("records")
    assert (dense["test_error_mean"], dense["test_error_sd"]) == (2.0, 1.0)
    assert (dense["n_planned"], dense["n_run"]) == (3, 3)
    assert edge["test_error_mean"] == 5.0
    assert edge["test_error_sd"] == pytest.approx(math.sqrt(2))
    assert (edge["n_planned"], edge["n_run"]) == (4, 2)
    assert dense["test_best_error_mean"] == 0.5 and dense["test_best_error_sd"] is None
    assert edge["test_best_error_mean"] is None
    assert (dense["criterion"], dense["density"]) == ("dense", "1.0")
    assert "model" not in table and "recipe.lr" not in table


def test_a_diverged_replicate_counts_at_chance_level_and_is_counted():
    runs = pd.concat([RUNS, run_table(("dense", 1, 200, "run", "diverged", 1.0))])
    dense = experiment_table(small_plan(), "small", runs, published()).to_dict("records")[0]
    assert dense["n_diverged"] == 1
    assert dense["test_error_mean"] == pytest.approx((1 + 90 + 3) / 3)
    nan = RUNS.assign(value=RUNS["value"].replace(2.0, math.nan))
    dense = experiment_table(small_plan(), "small", nan, published()).to_dict("records")[0]
    assert dense["test_error_mean"] == pytest.approx((1 + 90 + 3) / 3)


def test_published_beside_measured_found_first_recalled_marked():
    known = published(
        {"value": "1.9", "origin": "recalled", "source": "memory"},
        {"value": "1.7", "spread": "0.1", "n": "20", "source": "Table 1"},
        {"value": "55", "metric": "test_loss"},
        {"value": "8", "run": "other"},
    )
    table = experiment_table(small_plan(), "small", RUNS, known)
    dense, edge = table.to_dict("records")
    names = list(table)
    assert names.index("published") == names.index("test_error_sd") + 1
    assert dense["published"] == "1.7 | 1.9"
    assert dense["published_origin"] == "found:T1 | recalled"
    assert edge["published"] is None
    view = shown(table, "test_error")
    cell = view.rows[0][view.heads.index("published")]
    assert cell == "1.7 (spread 0.1, n 20); 1.9 (recalled)"


def test_csv_cells_that_a_spreadsheet_would_run_are_disarmed(tmp_path):
    formula = '=HYPERLINK("x")'
    known = published({"value": "-0.5", "source": formula, "origin": "found:@SUM(A1)"})
    table = experiment_table(small_plan(), "small", RUNS, known)
    text = to_csv(table)
    assert "'=HYPERLINK" in text and ',"=HYPERLINK' not in text
    path = tmp_path / "table.csv"
    path.write_text(text)
    back = read_table(path)
    assert back.loc[0, "published_source"] == formula
    assert back.loc[0, "published"] == "-0.5"


def test_markdown_tables_escape_markup_and_table_syntax():
    known = published({"value": "1.7", "source": f"T | {made.NASTY}"})
    table = experiment_table(small_plan(), "small", RUNS, known)
    text = to_markdown(table, small_plan()["experiments"]["small"])
    assert "<script" not in text
    rows = [line for line in text.splitlines() if line.startswith("| dense")]
    assert rows[0].replace(r"\|", "").count("|") == len(shown(table, "test_error").heads) + 1


def test_an_experiment_without_runs_says_so():
    table = experiment_table(small_plan(), "small", RUNS.iloc[:0], published())
    assert list(table["n_run"]) == [0, 0]
    assert table["test_error_mean"].isna().all()
    assert NOT_YET in to_markdown(table, small_plan()["experiments"]["small"])
    full = experiment_table(small_plan(), "small", RUNS, published())
    assert NOT_YET not in to_markdown(full, small_plan()["experiments"]["small"])


def test_interval_agrees_with_scipy():
    values = [1.0, 1.5, 0.2, 3.0, 2.2]
    found = estimate([*values, math.nan])
    low, high = stats.t.interval(0.9, 4, loc=found.mean, scale=stats.sem(values))
    assert (found.n, found.low, found.high) == (5, pytest.approx(low), pytest.approx(high))
    alone = estimate([2.0])
    assert alone.mean == 2.0 and math.isnan(alone.low) and math.isnan(alone.sd)


def test_a_metric_keeps_its_last_step_and_its_layer_name():
    rows = run_table(
        ("dense", 0, 0, "mask", "density:fc1.weight", 0.25),
        ("dense", 0, 300, "test", "error", 1.0),
        ("dense", 0, 20, "test", "error", 2.0),
    )
    final = final_values(rows, "small").set_index("metric")["value"]
    assert dict(final) == {"mask_density:fc1.weight": 0.25, "test_error": 1.0}


def test_numbers_read_well():
    assert [number(v) for v in (22.317, 0.0456, 1e-7, 0, None, True)] == [
        *("22.32", "0.046", "1.0e-07", "0", "", "yes")
    ]


def test_runs_from_stores_equal_the_run_table(tmp_path):
    plan = small_plan()
    arms = plan["experiments"]["small"]["arms"]
    for row in RUNS.to_dict("records"):
        digest = arms[row["run"]]["digests"][row["replicate"]]
        rows = RUNS[(RUNS["run"] == row["run"]) & (RUNS["replicate"] == row["replicate"])]
        measured = [store.Row(r.step, r.split, r.metric, r.value) for r in rows.itertuples()]
        store.write_run(tmp_path, digest, measured, {})
    found = stored_runs(plan, ["small"], [tmp_path / "none", tmp_path])
    assert len(found) == len(RUNS)
    assert set(found["condition"]) == {"paper"}
    by_file = experiment_table(plan, "small", RUNS, published())
    by_store = experiment_table(plan, "small", found, published())
    pd.testing.assert_frame_equal(by_file, by_store)


def test_an_arm_called_none_keeps_its_name(tmp_path):
    path = tmp_path / "runs.csv"
    RUNS.replace("dense", "none").to_csv(path, index=False)
    assert set(read_runs(path)["run"]) == {"none", "edge_0_1"}


def test_bad_input_is_refused_by_name(tmp_path, results, capsys):
    path = tmp_path / "table.csv"
    path.write_text("experiment,run\na,b\n")
    with pytest.raises(Refused, match="the column 'replicate' is missing"):
        read_runs(path)
    with pytest.raises(Refused, match="no such file"):
        read_runs(tmp_path / "absent.csv")
    for wrong, message in (({"origin": "memory"}, "origin 'memory'"), ({"value": "~2"}, "'~2'")):
        published(wrong).to_csv(path, index=False)
        with pytest.raises(Refused, match=message):
            read_published(path)
    folder = results / "cpu" / "edge"
    arguments = ["--plan", f"{folder}/plan.json", "--runs", f"{folder}/runs.csv"]
    arguments += ["--published", f"{folder}/published.csv", "--out", str(tmp_path)]
    assert tables.main([*arguments, "--experiments", "fig1_mnits"]) == 2
    assert "did you mean 'fig1_mnist'" in capsys.readouterr().err


def test_tables_and_the_page_need_neither_torch_nor_matplotlib():
    code = "import sys, common.tables, common.report.page as p; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "common.report.page" in done.stdout.split()
    assert not {"torch", "matplotlib"} & set(done.stdout.split())


def test_an_arm_of_which_every_replicate_diverged_stands_at_chance_level():
    final = pd.DataFrame(
        {"run": "dense", "replicate": [0, 1], "metric": "run_diverged", "value": [1.0, 1.0]}
    )
    assert list(arm_values(final, "dense", "test_error", "mnist")) == [90.0, 90.0]
    assert arm_values(final, "dense", "test_error", "my_data").empty
