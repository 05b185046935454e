"""The pictures of SynFlow that a generic chart would not show, a function an experiment.

Each draws into the figure it is given and returns the data behind. Compressions stand as the paper
has them: alpha, the base-10 logarithm of weights over weights kept.

What they are given, and what they return, says `common.report.figures.own_functions`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from common.report.charts import Point, data_behind
from common.report.curves import (
    ACROSS,
    arms_drawn,
    by_setting,
    curve,
    dots,
    grouped,
    key,
    keys_of,
    legend,
    level,
    panels,
    setting_of,
)
from common.report.looks import criterion, data_set, look, network
from common.report.plots import WIDTH

__all__ = [
    "conv_fig6",
    "critical_compression",
    "critical_compression_vgg",
    "mlp_fig1",
    "mlp_fig5a",
    "mlp_fig6",
    "schedules",
]

METHODS = ("synflow", "snip", "grasp", "magnitude", "random")  # in the order of the legends


def schedules(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw Figure 7: the largest share of the flow removed at once against the number of steps.

    A panel a schedule, a colour a compression; the dashed line is the whole flow, which theorem 3
    wants no step to reach.

    References
    ----------
    Tanaka et al. 2020 (arXiv 2006.05467), Fig. 7.
    """
    figure.set_size_inches(WIDTH, 3.8)
    shown = arms_drawn(runs, entry, published)
    names = ("linear", "exponential")
    grid = panels(figure, [f"{name} schedule" for name in names], sharey=True)
    densities = sorted({setting_of(entry, p.run, "density") for p in shown}, reverse=True)
    labels = [f"alpha {_alpha(density):g}" for density in densities]
    series: dict[str, list[Point]] = {}
    for panel, name in zip(grid, names, strict=True):
        panel.set_yscale("log")
        panel.axhline(1, **ACROSS, zorder=1)
        for index, (density, label) in enumerate(zip(densities, labels, strict=True)):
            own = {"density": density, "scoring.schedule": name}
            members = [p for p in shown if all(setting_of(entry, p.run, k) == own[k] for k in own)]
            places = [float(setting_of(entry, point.run, "scoring.steps")) for point in members]
            curve(panel, places, members, look(index), beside=0.8)
            series[f"{name}, {label}"] = members
        panel.set_xlabel("steps")
        panel.yaxis.set_major_formatter("{x:g}")
    grid[0].set_ylabel("largest share of the flow\nremoved by one step")
    legend(figure, [key(label, look(index)) for index, label in enumerate(labels)], shown)
    return data_behind(series)


def critical_compression(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw at which compression each method cuts the last path, beside the maximal compression.

    References
    ----------
    Tanaka et al. 2020 (arXiv 2006.05467), section 3 and Fig. 1.
    """
    shown = arms_drawn(runs, entry, published)
    models = by_setting(entry, shown, "model")
    figure.set_size_inches(WIDTH, 2.8)
    grid = panels(figure, [network(model) for model in models], sharey=True)
    methods = [name for name in METHODS if name in by_setting(entry, shown, "criterion")]
    series: dict[str, list[Point]] = {}
    for panel, (model, own) in zip(grid, models.items(), strict=True):
        for name, members in by_setting(entry, own, "criterion").items():
            for point in members:
                row = methods.index(name)
                dots(panel, row, point, criterion(name).drawn, beside=0.2, flat=True)
            series[f"{network(model)}, {criterion(name).name}"] = members
        of_model = runs["run"].isin([point.run for point in own])
        last = runs[of_model & (runs["metric"] == "alpha_max")]["value"]
        if len(last):
            panel.axvline(float(last.iat[0]), **ACROSS)
            panel.set_xlim(0, float(last.iat[0]) + 0.2)
        panel.grid(axis="y", visible=False)
    figure.supxlabel("smallest alpha without a path (dashed: one weight a layer)", fontsize=10)
    one_step = {"synflow": ", one step"}
    labels = [f"{criterion(name).name}{one_step.get(name, '')}" for name in methods]
    grid[0].set_yticks(range(len(methods)), labels)
    grid[0].set_ylim(len(methods) - 0.4, -0.5)
    return data_behind(series)


critical_compression_vgg = critical_compression


def mlp_fig6(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw test accuracy (points) against alpha, a panel a data set and network, a line a method.

    The data behind hold test errors, as measured.

    References
    ----------
    Tanaka et al. 2020 (arXiv 2006.05467), Fig. 1 and 6.
    """
    shown = arms_drawn(runs, entry, published)
    kinds = grouped(shown, lambda point: _place(entry, point.run))
    figure.set_size_inches(WIDTH, 3.8)
    grid = panels(figure, [*kinds])
    series: dict[str, list[Point]] = {}
    for panel, (kind, own) in zip(grid, kinds.items(), strict=True):
        methods = by_setting(entry, own, "criterion")
        for point in methods.get("dense", []):
            series[f"{kind}, dense"] = [point]
            level(panel, _accuracy(point))
        for name in METHODS:
            if name in methods:
                drawn = _against_alpha(panel, entry, methods[name], criterion(name).drawn)
                series[f"{kind}, {criterion(name).name}"] = drawn
        panel.set_xlabel("alpha (dashed: dense)")
    grid[0].set_ylabel("test accuracy (points)")
    present = by_setting(entry, shown, "criterion")
    legend(figure, keys_of(name for name in METHODS if name in present), shown)
    return data_behind(series)


mlp_fig1 = conv_fig6 = mlp_fig6


def mlp_fig5a(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw test accuracy (points) against alpha, a line a number of rounds of magnitude pruning.

    The data behind hold test errors, as measured.

    References
    ----------
    Tanaka et al. 2020 (arXiv 2006.05467), Fig. 5a.
    """
    figure.set_size_inches(WIDTH, 3.8)
    axes = figure.add_subplot()
    shown = arms_drawn(runs, entry, published)
    rounds = by_setting(entry, shown, "rounds.count")
    series: dict[str, list[Point]] = {}
    for index, count in enumerate(sorted(rounds)):
        label = f"{count} round{'s' if count > 1 else ''}"
        series[label] = _against_alpha(axes, entry, rounds[count], look(index))
    axes.set_xlabel("alpha")
    axes.set_ylabel("test accuracy (points)")
    legend(figure, [key(label, look(index)) for index, label in enumerate(series)], shown)
    return data_behind(series)


def _against_alpha(
    axes: Axes, entry: Mapping, members: Sequence[Point], drawn: tuple[str, str]
) -> list[Point]:
    """Draw the accuracies of arms against alpha, and return the arms by falling density."""
    arms = sorted(members, key=lambda point: -setting_of(entry, point.run, "density"))
    places = [_alpha(setting_of(entry, point.run, "density")) for point in arms]
    curve(axes, places, [_accuracy(point) for point in arms], drawn, beside=0.03)
    return arms


def _place(entry: Mapping, run: str) -> str:
    return f"{network(setting_of(entry, run, 'model'))}, {data_set(setting_of(entry, run, 'data'))}"


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
