"""The pictures of FORCE that a generic chart would not show, a function an experiment.

Each draws into the figure it is given and returns the data behind it: test error against density by
method (Figure 3), the objective against the number of steps (Figure 2), and where the kept weights
lie (Figures 4 and 5).

What they are given, and what they return, says `common.report.figures.own_functions`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from common.report.charts import Point, data_behind
from common.report.curves import (
    DASHED,
    DOTTED,
    SOLID,
    arms_drawn,
    by_setting,
    curve,
    error_axis,
    grouped,
    key,
    legend,
    level,
    level_key,
    panels,
    setting_of,
)
from common.report.estimates import estimate
from common.report.looks import criterion, data_set, network
from common.report.plots import WIDTH

__all__ = [
    "fig2_objective",
    "fig3_cifar10",
    "fig3_cifar100",
    "fig3_conv",
    "fig3_mlp",
    "fig3_tiny_imagenet",
    "mlp_authors",
    "structure",
]

MANY = {"snip": "SNIP-MB", "grasp": "GRASP-MB"}  # one-shot methods on more batches, dashed
ITERATED = ("force", "iter_snip")


def fig3_cifar10(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw test error (points) against density, a panel a network and data set.

    References
    ----------
    de Jorge et al. (2021), Fig. 3.
    """
    drawn = arms_drawn(runs, entry, published)
    places = grouped(drawn, lambda point: _place(entry, point.run))
    figure.set_size_inches(WIDTH, 3.9)
    series: dict[str, list[Point]] = {}
    grid = panels(figure, [*places])
    for axes, (place, members) in zip(grid, places.items(), strict=True):
        series |= _curves(axes, entry, members, place)
    for axes in grid[1:]:
        axes.set_ylabel("")
    methods = dict.fromkeys(_method(entry, point.run) for point in drawn)
    legend(figure, [_key(*method) for method in methods], drawn)
    return data_behind(series)


fig3_cifar100 = fig3_tiny_imagenet = fig3_conv = fig3_mlp = mlp_authors = fig3_cifar10


def _place(entry: Mapping, run: str) -> str:
    return f"{network(setting_of(entry, run, 'model'))}, {data_set(setting_of(entry, run, 'data'))}"


def _method(entry: Mapping, run: str) -> tuple[str, bool]:
    """Return the criterion of an arm, and whether it is a one-shot method on more batches."""
    name = str(setting_of(entry, run, "criterion"))
    return name, float(setting_of(entry, run, "scoring.batches") or 1) > 1 and name in MANY


def _label(name: str, many: bool) -> str:
    return MANY[name] if many else criterion(name).name


def _key(name: str, many: bool) -> Line2D:
    if name == "dense":
        return level_key()
    return key(_label(name, many), criterion(name).drawn, DASHED if many else SOLID)


def _curves(
    axes: Axes, entry: Mapping, members: Sequence[Point], place: str
) -> dict[str, list[Point]]:
    """Draw the arms of one panel, a line a method, and return them by name."""
    axes.set_xscale("log")
    series: dict[str, list[Point]] = {}
    methods = grouped(members, lambda point: _method(entry, point.run))
    for number, ((name, many), arms) in enumerate(methods.items()):
        series[f"{place}, {_label(name, many)}"] = arms
        if name == "dense":
            level(axes, arms[0])
            continue
        # Methods stand side by side, so that their replicates can be told apart.
        shift = 1.02 ** (number - len(methods) / 2)
        at = [float(setting_of(entry, point.run, "density")) * shift for point in arms]
        curve(axes, at, arms, criterion(name).drawn, style=DASHED if many else SOLID)
    densities = sorted({float(setting_of(entry, p.run, "density")) for p in members} - {1.0})
    axes.minorticks_off()
    axes.set_xticks(densities, [f"{100 * density:g}" for density in densities])
    error_axis(axes, members, logarithmic=True)
    axes.invert_xaxis()
    axes.set_xlabel("weights kept (%)")
    return series


def fig2_objective(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw the objective after pruning against T at density 0.01, a panel a network.

    Solid: exponential steps, dashed: linear ones; both begin at SNIP's one-shot mask (T = 1).
    Dotted lines across: methods without steps.

    References
    ----------
    de Jorge et al. (2021), Fig. 2.
    """
    wanted = {"scoring.reading": "paper", "scoring.loss": None, "density": 0.01}
    drawn = [
        point
        for point in arms_drawn(runs, entry, published)
        if all(setting_of(entry, point.run, key) == value for key, value in wanted.items())
    ]
    models = by_setting(entry, drawn, "model")
    figure.set_size_inches(WIDTH, 3.9)
    grid = panels(figure, [network(model) for model in models])
    series: dict[str, list[Point]] = {}
    for axes, (model, arms) in zip(grid, models.items(), strict=True):
        series |= _against_steps(axes, entry, arms, network(model))
    grid[0].set_ylabel("objective after pruning (log10, nats)")
    # SNIP has no line of its own: its mask is where the curves begin.
    ways = [way for way in (_way(entry, point.run) for point in drawn) if way[0] != "snip"]
    legend(figure, [key(_way_label(*way), _way_look(way[0]), way[1]) for way in ways])
    return data_behind(series)


def _way(entry: Mapping, run: str) -> tuple[str, Any]:
    """Return the criterion of an arm and the style of its line: dotted without steps."""
    name = setting_of(entry, run, "criterion")
    if name not in ITERATED:
        return name, DOTTED
    return name, DASHED if setting_of(entry, run, "scoring.schedule") == "linear" else SOLID


def _way_label(name: str, style: Any) -> str:
    return f"{criterion(name).name}{', linear' if style == DASHED else ''}"


def _way_look(name: str) -> tuple[str, str]:
    return criterion(name).colour, criterion(name).marker if name in ITERATED else ""


def _against_steps(
    axes: Axes, entry: Mapping, arms: Sequence[Point], place: str
) -> dict[str, list[Point]]:
    axes.set_xscale("log")
    series: dict[str, list[Point]] = {}
    once = [point for point in arms if setting_of(entry, point.run, "criterion") == "snip"]
    steps = {1.0}
    for (name, style), members in grouped(arms, lambda point: _way(entry, point.run)).items():
        along = [*once, *members] if name in ITERATED else members
        series[f"{place}, {_way_label(name, style)}"] = along
        if name in ITERATED:
            at = [float(setting_of(entry, point.run, "scoring.steps") or 1) for point in along]
            steps |= set(at)
            shift = 1.04 if name == "force" else 1 / 1.04
            curve(axes, [x * shift for x in at], along, criterion(name).drawn, style=style)
        elif name != "snip":
            look: dict[str, Any] = {"color": criterion(name).colour, "linestyle": DOTTED}
            axes.axhline(members[0].measured.mean, **look, linewidth=1.3)
    axes.minorticks_off()
    axes.set_xticks(sorted(steps), [f"{step:g}" for step in sorted(steps)])
    axes.set_xlabel("steps T")
    return series


def structure(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw the share of weights kept in every layer (colour), a row a method, a panel a network.

    White: emptied in every replicate. Beside a method's name stands the mean number of layers that
    it empties.

    Returns
    -------
    DataFrame
        A layer of an arm a row: ``run, model, criterion, layer, number, density`` (mean over
        replicates), ``emptied`` (share of replicates).

    References
    ----------
    de Jorge et al. (2021), Fig. 4 and 5.
    """
    prefix = "density:"
    layers = runs[runs["metric"].str.startswith(prefix)]
    rows = []
    for run in entry["arms"]:
        of_run = layers[layers["run"] == run]
        for number, (metric, values) in enumerate(of_run.groupby("metric", sort=False)["value"], 1):
            rows.append(
                {
                    "run": run,
                    "model": setting_of(entry, run, "model"),
                    "criterion": setting_of(entry, run, "criterion"),
                    "layer": str(metric).removeprefix(prefix).removesuffix(".weight"),
                    "number": number,
                    "density": estimate(values).mean,
                    "emptied": float((values == 0).mean()),
                }
            )
    behind = pd.DataFrame(rows)
    models = list(dict.fromkeys(behind["model"]))
    figure.set_size_inches(WIDTH, 0.6 + 2.1 * len(models))
    grid = panels(figure, [network(model) for model in models], columns=1)
    for axes, model in zip(grid, models, strict=True):
        image = _heat(axes, behind[behind["model"] == model])
    grid[-1].set_xlabel("layer, from input to output")
    bar = figure.colorbar(image, ax=grid, shrink=0.8, pad=0.02)
    bar.set_label("weights kept in the layer (%)")
    bar.set_ticks([-3, -2, -1, 0], labels=["0.1", "1", "10", "100"])
    return behind


def _heat(axes: Axes, table: pd.DataFrame) -> Any:
    methods = list(dict.fromkeys(table["run"]))
    picture = table.pivot(index="run", columns="number", values="density").loc[methods].to_numpy()
    with np.errstate(divide="ignore"):
        logs = np.where(picture > 0, np.log10(picture), np.nan)
    height, width = logs.shape
    image = axes.imshow(
        logs, aspect="auto", cmap="viridis", vmin=-3.5, vmax=0, interpolation="nearest",
        extent=(0.5, width + 0.5, height - 0.5, -0.5),
    )  # fmt: skip
    names = []
    for run in methods:
        own = table[table["run"] == run]
        name = criterion(own["criterion"].iat[0]).name
        names.append(f"{name}  {own['emptied'].sum():.3g} empty")
    axes.set_yticks(range(len(methods)), names, size=8)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    return image
