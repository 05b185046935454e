import json

import pandas as pd
import pytest
import synthetic_results as made
from matplotlib.figure import Figure

from common.errors import Refused
from common.products import read_published
from common.report import charts, read_runs
from common.report.figures import draw, own_functions, write_figures
from common.report.plots import RECALLED


@pytest.fixture(scope="module")
def edge(results):
    folder = results / "cpu" / "edge"
    plan = json.loads((folder / "plan.json").read_text())
    return plan, read_runs(folder / "runs.csv"), read_published(folder / "published.csv")


@pytest.mark.parametrize("experiment", ["fig1_mnist", "table3_init"])
def test_drawn_again_the_figure_has_the_same_bytes(edge, results, experiment):
    svg, png, _ = draw(*edge[:1], experiment, *edge[1:])
    folder = results / "cpu" / "edge" / "figures"
    assert (folder / f"{experiment}.svg").read_bytes() == svg
    assert (folder / f"{experiment}.png").read_bytes() == png
    assert b"<dc:date>" not in svg and b"Matplotlib" not in png
    assert png[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_data_behind_hold_every_replicate_and_the_published_values(edge):
    plan, runs, published = edge
    series = charts.points(plan["experiments"]["fig1_mnist"], "fig1_mnist", runs, published)
    assert list(series) == ["dense", "edge", "random"]
    behind = charts.data_behind(series)
    last = runs[(runs["experiment"] == "fig1_mnist") & (runs["metric"] == "error")]
    last = last[last["step"] == 200]
    assert sorted(behind[behind["kind"] == "replicate"]["value"]) == sorted(last["value"])
    means = behind[behind["kind"] == "mean"].set_index("run")["value"].astype(float)
    by_hand = last.groupby("run")["value"].mean()
    pd.testing.assert_series_equal(
        means.sort_index(), by_hand, check_names=False, check_index_type=False
    )
    assert (behind["kind"] == "published").sum() == 3
    assert list(behind[behind["kind"] == "recalled"]["run"]) == ["random_0_1"]


def test_recalled_values_are_grey_and_open(edge):
    plan, runs, published = edge
    series = charts.points(plan["experiments"]["fig1_mnist"], "fig1_mnist", runs, published)
    figure = Figure()
    charts.series_chart(figure, series, "density", "test_error")
    axes = figure.axes[0]
    markers = [line for line in axes.lines if line.get_markerfacecolor() == "none"]
    assert len(markers) == 4
    grey = [line for line in markers if line.get_markeredgecolor() == RECALLED]
    assert [line.get_ydata()[0] for line in grey] == [6.5]
    assert axes.get_xscale() == "log" and axes.get_yscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()][:2] == ["0.02", "0.05"]
    drawn = sum(len(cloud.get_offsets()) for cloud in axes.collections if len(cloud.get_offsets()))
    assert drawn >= 54


def test_dots_an_arm_when_there_is_no_x(edge):
    plan, runs, published = edge
    series = charts.points(plan["experiments"]["table3_init"], "table3_init", runs, published)
    figure = Figure()
    charts.dot_chart(figure, series, "test_error")
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["vs", "vs x", "vs h", "rn"]


def test_one_replicate_and_words_on_the_axis_can_be_drawn(edge):
    plan, _, published = edge
    arms = {name: made.arm(name, made.settings(init=name), n=1) for name in ("vs", "rn", "none")}
    entry = made.experiment("Table 9", "", arms, x="init")
    plan = {**plan, "experiments": {"words": entry}}
    runs = pd.DataFrame(
        [("words", name, 0, 5, "test", "error", 2.0) for name in arms],
        columns=["experiment", "run", "replicate", "step", "split", "metric", "value"],
    )
    _, _, behind = draw(plan, "words", runs, published)
    means = behind[behind["kind"] == "mean"]
    assert list(means["x"]) == ["vs", "rn", "none"]
    assert means["low"].isna().all()


def test_no_run_yet_is_said_in_the_figure(results):
    figure = Figure()
    charts.empty_chart(figure, "nothing yet")
    assert [text.get_text() for text in figure.texts] == ["nothing yet"]
    behind = results / "cpu" / "ticket" / "figures" / "fig2_empty.csv"
    assert behind.read_text().splitlines() == [
        "kind,run,series,x,replicate,value,low,high,n,source"
    ]


def test_a_paper_draws_its_own_figure(edge, tmp_path):
    own = tmp_path / "papers" / "edge"
    own.mkdir(parents=True)
    code = """
def fig1_mnist(runs, plan_experiment, published, figure):
    figure.add_subplot().plot([0, 1], [0, len(runs)])
    return runs.head(2)[["run", "value"]].assign(note="=1+1")

def fig2_batch(runs, plan_experiment, published, figure):
    return None

table3_init = 3
"""
    (own / "figures.py").write_text(code)
    plan, runs, published = edge
    write_figures(plan, ["fig1_mnist"], runs, published, tmp_path, tmp_path / "papers")
    behind = (tmp_path / "figures" / "fig1_mnist.csv").read_text().splitlines()
    assert behind[0] == "run,value,note" and behind[1].endswith(",'=1+1")
    module = own_functions("edge", tmp_path / "papers")
    for experiment, message in (("fig2_batch", "DataFrame, not None"), ("table3_init", "not int")):
        with pytest.raises(Refused, match=message):
            draw(plan, experiment, runs, published, module)
    assert own_functions("ticket", tmp_path / "papers") is None
