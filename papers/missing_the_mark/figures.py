"""The pictures that a generic chart would not show well: methods by row, ablations beside them.

Each function is named as an experiment, draws into the figure it is given and returns the data
behind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from common.report.charts import Point, data_behind, points
from common.report.plots import PALETTE, WIDTH, cloud, mean_and_interval

__all__ = ["conv_comparison", "mlp_ablations", "mlp_comparison", "vgg11_ablations"]

DARK = "#333333"
DASHED: dict[str, Any] = {"linestyle": (0, (5, 4)), "linewidth": 1}
ABLATIONS = {
    "none": ("as found", PALETTE[0], "o"),
    "shuffle": ("shuffled in layers", PALETTE[1], "s"),
    "redraw": ("new weights", PALETTE[2], "^"),
    "invert": ("inverted", PALETTE[3], "v"),
}
METHODS = {
    "dense": "dense", "random": "random", "magnitude": "magnitude", "snip": "SNIP",
    "grasp": "GraSP", "grasp_abs": "|GraSP|", "synflow": "SynFlow",
}  # fmt: skip
AFTER = {
    None: "magnitude after\ntraining",
    "0": "after training,\nweights of step 0",
    "0.1": "after training,\nearly weights",
}
PLACES = {
    "fashion_mnist": "Fashion-MNIST", "mnist": "MNIST", "digits": "digits", "vgg11": "VGG-11",
    "resnet20": "ResNet-20",
}  # fmt: skip
ROOM = 0.06  # of the axis, beside the outermost dots
FAR = 2.5  # times the span of the methods: what lies further is said in words

Settings = Mapping[str, Any]


def mlp_comparison(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw the test error (points) of every method, a row each, a panel a data set.

    Parameters
    ----------
    runs : DataFrame
        The experiment's rows of the run table.
    entry : mapping
        The experiment's part of the plan.
    published : DataFrame
        The experiment's published numbers.
    figure : Figure
        Drawn into.

    Returns
    -------
    DataFrame
        The data behind, with the columns of a generic chart.

    References
    ----------
    Frankle et al. 2021 (arXiv 2009.08576), main comparison.
    """
    return _rows(runs, entry, published, figure, lambda arm: [PLACES[arm["data"]]], _density)


def conv_comparison(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw `mlp_comparison` for the narrow convolutional networks, a panel each."""
    return _rows(runs, entry, published, figure, lambda arm: [PLACES[arm["model"]]], _density)


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
        lambda arm: [PLACES[arm["data"]], _density(arm)[0]],
        _ablation,
    )


def vgg11_ablations(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw `mlp_ablations` for the narrow VGG-11 at one density."""
    return _rows(runs, entry, published, figure, lambda arm: [PLACES[arm["model"]]], _ablation)


def _density(arm: Settings) -> tuple[str, str, str]:
    """Return label, colour and marker of a density."""
    density = float(arm["density"])
    if density == 1:
        return "dense", DARK, "D"
    index = sum(density <= bound for bound in (0.07, 0.03))
    return f"{100 * density:.3g} %", PALETTE[index], "os^"[index]


def _ablation(arm: Settings) -> tuple[str, str, str]:
    if arm["criterion"] == "dense":
        return "dense", DARK, "D"
    return ABLATIONS[arm["ablation"]]


def _method(arm: Settings) -> str:
    if arm["procedure"] == "prune_and_retrain":
        rewind = arm["rounds.rewind"]
        return AFTER[None if rewind is None else f"{float(rewind):g}"]
    return METHODS[arm["criterion"]]


def _rows(
    runs: pd.DataFrame,
    entry: Mapping,
    published: pd.DataFrame,
    figure: Figure,
    panel: Callable[[Settings], list[str]],
    look: Callable[[Settings], tuple[str, str, str]],
) -> pd.DataFrame:
    """Draw test errors along x, a row a method, a panel a combination of what `panel` returns."""
    arms = {run: arm["settings"] for run, arm in entry["arms"].items()}
    grouped = points(entry, str(runs["experiment"].iat[0]), runs, published)
    found = {point.run: point for members in grouped.values() for point in members}
    shown = [found[run] for run in arms if found[run].measured.n]
    pruned = [point for point in shown if arms[point.run]["criterion"] != "dense"]
    panels = list(dict.fromkeys(tuple(panel(arms[point.run])) for point in pruned or shown))
    known = [*METHODS.values(), *AFTER.values()]
    methods = sorted({_method(arms[point.run]) for point in pruned}, key=known.index)
    columns = list(dict.fromkeys(key[0] for key in panels))
    lines = list(dict.fromkeys(key[1:] for key in panels))
    figure.set_size_inches(WIDTH, 0.9 + len(lines) * (0.7 + 0.5 * max(1, len(methods))))
    grid = figure.subplots(len(lines), len(columns), squeeze=False, sharey=True)
    looks: dict[str, tuple[str, str]] = {}
    for key in panels:
        axes = grid[lines.index(key[1:])][columns.index(key[0])]
        members = [p for p in pruned if tuple(panel(arms[p.run])) == key]
        # A dense network has no density, so it stands in every panel of its data.
        dense = [p for p in shown if p not in pruned and panel(arms[p.run])[0] == key[0]]
        _panel(axes, arms, members, dense, methods, look)
        axes.set_title(", ".join(key), loc="right", size=10)
        looks |= {label: rest for label, *rest in (look(arms[p.run]) for p in [*dense, *members])}  # type: ignore[misc]
    for axes in grid[-1]:
        axes.set_xlabel("test error (points)")
    handles = [
        Line2D([], [], color=colour, label=label, **line)
        for label, (colour, marker) in looks.items()
        for line in [DASHED if label == "dense" else {"marker": marker, "linestyle": "none"}]
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=5, columnspacing=1.4)
    series: dict[str, list[Point]] = {}
    for point in shown:
        arm = arms[point.run]
        name = " ".join(_method(arm).split())
        series.setdefault(", ".join([*panel(arm)[:1], name, look(arm)[0]]), []).append(point)
    return data_behind(series)


def _panel(
    axes: Axes,
    arms: Mapping[str, Settings],
    members: Sequence[Point],
    dense: Sequence[Point],
    methods: Sequence[str],
    look: Callable[[Settings], tuple[str, str, str]],
) -> None:
    near = [v for p in [*members, *dense] if _is_near(arms[p.run]) for v in p.values]
    low, high = min(near, default=0.0), max(near, default=1.0)
    reach = high + FAR * (high - low)
    inside = [v for p in [*members, *dense] for v in p.values if v <= reach]
    low, high = min(inside, default=0.0), max(inside, default=1.0)
    room = ROOM * ((high - low) or 1.0)
    axes.set_xlim(low - room, high + room)
    for point in dense:
        axes.axvline(point.measured.mean, color=DARK, zorder=1, **DASHED)
    labels = list(dict.fromkeys(look(arms[point.run])[0] for point in members))
    step = 0.8 / max(1, len(labels))
    for point in members:
        label, colour, marker = look(arms[point.run])
        row = methods.index(_method(arms[point.run]))
        at = row + step * (labels.index(label) - (len(labels) - 1) / 2)
        if point.measured.mean > high + room:
            axes.annotate(
                f"{point.measured.mean:.0f} \N{RIGHTWARDS ARROW}", (1, at),
                xycoords=("axes fraction", "data"), ha="right", va="center", color=colour, size=8,
            )  # fmt: skip
            continue
        cloud(axes, point.values, [at + 0.3 * step] * len(point.values), colour)
        mean_and_interval(axes, at, point.measured, colour, marker, flat=True)
    axes.set_yticks(range(len(methods)), methods)
    axes.set_ylim(len(methods) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)


def _is_near(arm: Settings) -> bool:
    """Return whether an arm is of those that the axis is made for."""
    return arm["ablation"] != "invert" and arm["criterion"] != "random"
