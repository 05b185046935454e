"""The pictures of SynFlow that a generic chart would not show, a function an experiment.

Each draws into the figure it is given and returns the data behind. Compressions stand as the paper
has them: alpha, the base-10 logarithm of weights over weights kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from common.report.charts import Point, data_behind, points
from common.report.plots import PALETTE, WIDTH, cloud, mark_published, mean_and_interval

__all__ = [
    "conv_fig6",
    "critical_compression",
    "critical_compression_vgg",
    "mlp_fig1",
    "mlp_fig5a",
    "mlp_fig6",
    "schedules",
]

DARK = "#333333"
# Colour, marker and name of a criterion mean the same in every picture.
LOOKS = {
    "synflow": (PALETTE[0], "o", "SynFlow"),
    "snip": (PALETTE[1], "s", "SNIP"),
    "grasp": (PALETTE[2], "^", "GraSP"),
    "magnitude": (PALETTE[3], "D", "magnitude"),
    "random": (PALETTE[4], "v", "random"),
}
MODELS = {
    "lenet_300_100": "784-300-100-10",
    "mlp6": "784-100x5-10",
    "vgg16": "VGG-16",
    "vgg11": "VGG-11",
    "resnet20": "ResNet-20",
}
DATA = {"fashion_mnist": "Fashion-MNIST", "mnist": "MNIST", "digits": "digits"}


def schedules(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw Figure 7: the largest share of the flow removed at once against the number of steps.

    A panel a schedule, a colour a compression; the dashed line is the whole flow, which theorem 3
    wants no step to reach.

    Parameters
    ----------
    runs : DataFrame
        The experiment's rows of the run table.
    entry : mapping
        The experiment's part of the plan.
    published : DataFrame
        The experiment's published numbers, every cell text.
    figure : Figure
        Drawn into.

    Returns
    -------
    DataFrame
        The data behind, with the columns of a generic chart.

    References
    ----------
    Tanaka et al. 2020 (arXiv 2006.05467), Fig. 7.
    """
    figure.set_size_inches(WIDTH, 3.8)
    shown = _arms(runs, entry, published)
    names = ("linear", "exponential")
    panels = figure.subplots(1, 2, sharey=True)
    densities = sorted({_of(entry, p.run, "density") for p in shown}, reverse=True)
    series: dict[str, list[Point]] = {}
    for panel, name in zip(panels, names, strict=True):
        panel.set_yscale("log")
        panel.axhline(1, color=DARK, linewidth=1, linestyle=(0, (5, 4)), zorder=1)
        for index, density in enumerate(densities):
            own = {"density": density, "scoring.schedule": name}
            members = [p for p in shown if all(_of(entry, p.run, k) == own[k] for k in own)]
            label = f"alpha {_alpha(density):g}"
            places = [float(_of(entry, point.run, "scoring.steps")) for point in members]
            _line(panel, places, members, PALETTE[index % len(PALETTE)], "o", 0.8, label)
            series[f"{name}, {label}"] = members
        panel.set_title(f"{name} schedule", loc="right", size=10)
        panel.set_xlabel("steps")
        panel.yaxis.set_major_formatter("{x:g}")
    panels[0].set_ylabel("largest share of the flow\nremoved by one step")
    _legend(figure, panels[0], 6)
    return data_behind(series)


def critical_compression(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw at which compression each method cuts the last path, beside the maximal compression.

    Parameters and return value as in `schedules`.

    References
    ----------
    Tanaka et al. 2020 (arXiv 2006.05467), section 3 and Fig. 1.
    """
    shown = _arms(runs, entry, published)
    models = list(dict.fromkeys(_of(entry, point.run, "model") for point in shown))
    figure.set_size_inches(WIDTH, 2.8)
    panels = figure.subplots(1, len(models), sharey=True, squeeze=False)[0]
    methods = [name for name in LOOKS if any(_of(entry, p.run, "criterion") == name for p in shown)]
    series: dict[str, list[Point]] = {}
    for panel, model in zip(panels, models, strict=True):
        for point in (p for p in shown if _of(entry, p.run, "model") == model):
            criterion = _of(entry, point.run, "criterion")
            colour, marker, name = LOOKS[criterion]
            row = methods.index(criterion)
            aside = [row + 0.2 + 0.05 * (k % 3) for k in range(len(point.values))]
            cloud(panel, list(point.values), aside, colour)
            mean_and_interval(panel, row, point.measured, colour, marker, flat=True)
            series.setdefault(f"{model}, {name}", []).append(point)
        own = [point.run for point in shown if _of(entry, point.run, "model") == model]
        last = runs[runs["run"].isin(own) & (runs["metric"] == "alpha_max")]["value"]
        if len(last):
            panel.axvline(float(last.iat[0]), color=DARK, linewidth=1, linestyle=(0, (5, 4)))
            panel.set_xlim(0, float(last.iat[0]) + 0.2)
        panel.set_title(MODELS.get(model, model), loc="right", size=10)
        panel.grid(axis="y", visible=False)
    figure.supxlabel("smallest alpha without a path (dashed: one weight a layer)", fontsize=10)
    labels = [f"{LOOKS[m][2]}, one step" if m == "synflow" else LOOKS[m][2] for m in methods]
    panels[0].set_yticks(range(len(methods)), labels)
    panels[0].set_ylim(len(methods) - 0.4, -0.5)
    return data_behind(series)


def critical_compression_vgg(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw the critical compressions of VGG-16; as `critical_compression`."""
    return critical_compression(runs, entry, published, figure)


def mlp_fig6(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw test accuracy (points) against alpha, a panel a data set and network, a line a method.

    Parameters and return value as in `schedules`; the data behind hold test errors, as measured.

    References
    ----------
    Tanaka et al. 2020 (arXiv 2006.05467), Fig. 1 and 6.
    """
    shown = _arms(runs, entry, published)
    kinds = list(dict.fromkeys(_kind(entry, point.run) for point in shown))
    figure.set_size_inches(WIDTH, 3.8)
    panels = figure.subplots(1, len(kinds), squeeze=False)[0]
    series: dict[str, list[Point]] = {}
    for panel, kind in zip(panels, kinds, strict=True):
        own = [point for point in shown if _kind(entry, point.run) == kind]
        for point in own:
            if _of(entry, point.run, "criterion") == "dense":
                series[f"{' '.join(kind)}, dense"] = [point]
                if point.measured.n:
                    level = 100 - point.measured.mean
                    panel.axhline(level, color=DARK, linewidth=1, linestyle=(0, (5, 4)), zorder=1)
        for criterion, (colour, marker, name) in LOOKS.items():
            members = [p for p in own if _of(entry, p.run, "criterion") == criterion]
            members.sort(key=lambda p: -_of(entry, p.run, "density"))
            places = [_alpha(_of(entry, point.run, "density")) for point in members]
            turned = [_accuracy(point) for point in members]
            _line(panel, places, turned, colour, marker, 0.03, name)
            if members:
                series[f"{' '.join(kind)}, {name}"] = members
        title = f"{MODELS.get(kind[0], kind[0])}, {DATA.get(kind[1], kind[1])}"
        panel.set_title(title, loc="right", size=9)
        panel.set_xlabel("alpha (dashed: dense)")
    panels[0].set_ylabel("test accuracy (points)")
    _legend(figure, panels[0], 5)
    return data_behind(series)


def mlp_fig1(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw accuracy beyond the others' critical compression; as `mlp_fig6`."""
    return mlp_fig6(runs, entry, published, figure)


def conv_fig6(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw the accuracy of narrow convolutional networks; as `mlp_fig6`."""
    return mlp_fig6(runs, entry, published, figure)


def mlp_fig5a(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw test accuracy (points) against alpha, a line a number of rounds of magnitude pruning.

    Parameters and return value as in `mlp_fig6`.

    References
    ----------
    Tanaka et al. 2020 (arXiv 2006.05467), Fig. 5a.
    """
    figure.set_size_inches(WIDTH, 3.8)
    axes = figure.add_subplot()
    shown = _arms(runs, entry, published)
    series: dict[str, list[Point]] = {}
    for index, count in enumerate(sorted({_of(entry, p.run, "rounds.count") for p in shown})):
        members = [p for p in shown if _of(entry, p.run, "rounds.count") == count]
        members.sort(key=lambda p: -_of(entry, p.run, "density"))
        label = f"{count} round{'s' if count > 1 else ''}"
        places = [_alpha(_of(entry, point.run, "density")) for point in members]
        turned = [_accuracy(point) for point in members]
        _line(axes, places, turned, PALETTE[index], "os^Dv"[index], 0.03, label)
        series[label] = members
    axes.set_xlabel("alpha")
    axes.set_ylabel("test accuracy (points)")
    _legend(figure, axes, 5)
    return data_behind(series)


def _arms(runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame) -> list[Point]:
    """Return every arm that ran or has a published number, in the order of the plan."""
    grouped = points(entry, str(runs["experiment"].iat[0]), runs, published)
    everything = {point.run: point for members in grouped.values() for point in members}
    arms = [everything[run] for run in entry["arms"]]
    return [point for point in arms if point.measured.n or point.published]


def _of(entry: Mapping, run: str, key: str) -> Any:
    return entry["arms"][run]["settings"].get(key)


def _kind(entry: Mapping, run: str) -> tuple[str, str]:
    return str(_of(entry, run, "model")), str(_of(entry, run, "data"))


def _alpha(density: object) -> float:
    return round(-math.log10(float(str(density))), 2)


def _accuracy(point: Point) -> Point:
    """Return an arm with accuracies in place of errors."""
    low, high = 100 - point.measured.high, 100 - point.measured.low
    turned = type(point.measured)(
        **{**vars(point.measured), "mean": 100 - point.measured.mean, "low": low, "high": high}
    )
    known = [(100 - value, source, origin) for value, source, origin in point.published]
    return Point(point.run, point.x, 100 - point.values, turned, known)


def _line(
    axes: Axes, places: Sequence[float], members: Sequence[Point], colour: str, marker: str,
    beside: float, label: str,
) -> None:  # fmt: skip
    """Draw arms at `places`, joined by a line; replicates stand `beside` them, in data units."""
    for at, point in zip(places, members, strict=True):
        aside = [at + beside * (1 + 0.3 * (k % 3)) for k in range(len(point.values))]
        cloud(axes, aside, list(point.values), colour)
        mean_and_interval(axes, at, point.measured, colour, marker)
        mark_published(axes, at, point.published, marker, colour)
    drawn = [
        (at, point.measured.mean)
        for at, point in zip(places, members, strict=True)
        if point.measured.n
    ]
    if drawn:
        axes.plot(*zip(*drawn, strict=True), color=colour, linewidth=1.4, zorder=2)
        axes.plot([], [], color=colour, marker=marker, label=label)


def _legend(figure: Figure, axes: Axes, columns: int) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        figure.legend(
            handles, labels, loc="outside upper left", ncols=columns, borderaxespad=0.2,
            columnspacing=1.2, handletextpad=0.5,
        )  # fmt: skip
