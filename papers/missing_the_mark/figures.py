"""The pictures that a generic chart would not show well: methods by row, ablations beside them.

Each function is named as an experiment, draws into the figure it is given and returns the data
behind.

What they are given, and what they return, says `common.report.figures.own_functions`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from common.report.charts import Point, data_behind
from common.report.curves import arms_drawn, beyond, dots, grouped, key, legend, level, level_key
from common.report.looks import CRITERIA, DARK, ablation, criterion, data_set, look, network
from common.report.plots import WIDTH

__all__ = ["conv_comparison", "mlp_ablations", "mlp_comparison", "vgg11_ablations"]

AFTER = {
    None: "magnitude after\ntraining",
    "0": "after training,\nweights of step 0",
    "0.1": "after training,\nearly weights",
}
ROOM = 0.06  # of the axis, beside the outermost dots
FAR = 2.5  # times the span of the methods: what lies further is said in words

Settings = Mapping[str, Any]


def mlp_comparison(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw the test error (points) of every method, a row each, a panel a data set.

    References
    ----------
    Frankle et al. 2021 (arXiv 2009.08576), main comparison.
    """
    return _rows(runs, entry, published, figure, lambda arm: [data_set(arm["data"])], _density)


def conv_comparison(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw `mlp_comparison` for the narrow convolutional networks, a panel each."""
    return _rows(runs, entry, published, figure, lambda arm: [network(arm["model"])], _density)


def mlp_ablations(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw what shuffling, new weights and inversion do to each method's test error (points).

    A panel a data set and density, matching above and extreme below; the dense network is the
    line across.

    References
    ----------
    Frankle et al. 2021 (arXiv 2009.08576), ablations.
    """
    return _rows(
        runs,
        entry,
        published,
        figure,
        lambda arm: [data_set(arm["data"]), _density(arm)[0]],
        _ablation,
    )


def vgg11_ablations(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw `mlp_ablations` for the narrow VGG-11 at one density."""
    return _rows(runs, entry, published, figure, lambda arm: [network(arm["model"])], _ablation)


def _density(arm: Settings) -> tuple[str, str, str]:
    """Return label, colour and marker of a density."""
    density = float(arm["density"])
    if density == 1:
        return "dense", DARK, "D"
    index = sum(density <= bound for bound in (0.07, 0.03))
    return f"{100 * density:.3g} %", *look(index)


def _ablation(arm: Settings) -> tuple[str, str, str]:
    if arm["criterion"] == "dense":
        return "dense", DARK, "D"
    return ablation(arm["ablation"])


def _method(arm: Settings) -> str:
    if arm["procedure"] == "prune_and_retrain":
        rewind = arm["rounds.rewind"]
        return AFTER[None if rewind is None else f"{float(rewind):g}"]
    return criterion(arm["criterion"]).name


def _rows(
    runs: pd.DataFrame,
    entry: Mapping,
    published: pd.DataFrame,
    figure: Figure,
    panel: Callable[[Settings], list[str]],
    mark: Callable[[Settings], tuple[str, str, str]],
) -> pd.DataFrame:
    """Draw test errors along x, a row a method, a panel a combination of what `panel` returns."""
    arms = {run: arm["settings"] for run, arm in entry["arms"].items()}
    shown = arms_drawn(runs, entry, published)
    pruned = [point for point in shown if arms[point.run]["criterion"] != "dense"]
    panels = list(dict.fromkeys(tuple(panel(arms[point.run])) for point in pruned or shown))
    known = [*(one.name for one in CRITERIA.values()), *AFTER.values()]
    methods = sorted({_method(arms[point.run]) for point in pruned}, key=known.index)
    columns = list(dict.fromkeys(cell[0] for cell in panels))
    lines = list(dict.fromkeys(cell[1:] for cell in panels))
    figure.set_size_inches(WIDTH, 0.9 + len(lines) * (0.7 + 0.5 * max(1, len(methods))))
    grid = figure.subplots(len(lines), len(columns), squeeze=False, sharey=True)
    keys: list[Line2D] = []
    for cell in panels:
        axes = grid[lines.index(cell[1:])][columns.index(cell[0])]
        members = [p for p in pruned if tuple(panel(arms[p.run])) == cell]
        # A dense network has no density, so it stands in every panel of its data.
        dense = [p for p in shown if p not in pruned and panel(arms[p.run])[0] == cell[0]]
        _panel(axes, arms, members, dense, methods, mark)
        axes.set_title(", ".join(cell), loc="right", size=10)
        marks = [mark(arms[point.run]) for point in members]
        keys += [level_key()] * bool(dense) + [key(name, look, "none") for name, *look in marks]
    for axes in grid[-1]:
        axes.set_xlabel("test error (points)")
    legend(figure, keys, shown)
    return data_behind(grouped(shown, lambda point: _series(arms[point.run], panel, mark)))


def _series(
    arm: Settings,
    panel: Callable[[Settings], list[str]],
    mark: Callable[[Settings], tuple[str, str, str]],
) -> str:
    return ", ".join([*panel(arm)[:1], " ".join(_method(arm).split()), mark(arm)[0]])


def _panel(
    axes: Axes,
    arms: Mapping[str, Settings],
    members: Sequence[Point],
    dense: Sequence[Point],
    methods: Sequence[str],
    mark: Callable[[Settings], tuple[str, str, str]],
) -> None:
    near = [v for p in [*members, *dense] if _is_near(arms[p.run]) for v in _values(p)]
    low, high = min(near, default=0.0), max(near, default=1.0)
    reach = high + FAR * (high - low)
    inside = [v for p in [*members, *dense] for v in _values(p) if v <= reach]
    low, high = min(inside, default=0.0), max(inside, default=1.0)
    room = ROOM * ((high - low) or 1.0)
    axes.set_xlim(low - room, high + room)
    for point in dense:
        level(axes, point, flat=True)
    labels = list(dict.fromkeys(mark(arms[point.run])[0] for point in members))
    step = 0.8 / max(1, len(labels))
    for point in members:
        label, colour, marker = mark(arms[point.run])
        row = methods.index(_method(arms[point.run]))
        at = row + step * (labels.index(label) - (len(labels) - 1) / 2)
        if not beyond(axes, at, point, f"{point.measured.mean:.0f}", colour, flat=True):
            dots(axes, at, point, (colour, marker), beside=0.25 * step, flat=True)
    axes.set_yticks(range(len(methods)), methods)
    axes.set_ylim(len(methods) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)


def _is_near(arm: Settings) -> bool:
    """Return whether an arm is of those that the axis is made for."""
    return arm["ablation"] != "invert" and arm["criterion"] != "random"


def _values(point: Point) -> list[float]:
    return [*point.values, *(value for value, _, _ in point.published)]
