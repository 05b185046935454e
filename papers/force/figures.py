"""The pictures of FORCE that a generic chart would not show, a function an experiment.

Each draws into the figure it is given and returns the data behind it: test error against density by
method (Figure 3), the objective against the number of steps (Figure 2), and where the kept weights
lie (Figures 4 and 5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from common.report.charts import Point, data_behind, points
from common.report.estimates import estimate
from common.report.plots import PALETTE, WIDTH, cloud, mean_and_interval

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

DARK = "#333333"
# Colour and marker of a method mean the same in every picture; dashed: on more batches, or linear.
LOOKS = {
    "force": (PALETTE[1], "o"), "iter_snip": (PALETTE[5], "s"), "snip": (PALETTE[0], "^"),
    "grasp": (PALETTE[2], "D"), "synflow": (PALETTE[4], "v"), "magnitude": (PALETTE[3], "P"),
    "random": (DARK, "X"), "grasp_it": ("#7a5c3e", "p"),
}  # fmt: skip
NAMES = {
    "force": "FORCE", "iter_snip": "Iterative SNIP", "snip": "SNIP", "grasp": "GraSP",
    "synflow": "SynFlow", "magnitude": "magnitude", "random": "random", "grasp_it": "GRASP-It",
}  # fmt: skip
MB_NAMES = {"snip": "SNIP-MB", "grasp": "GRASP-MB"}
PLACES = {
    "lenet_300_100": "LeNet-300-100", "vgg11": "VGG-11", "vgg19": "VGG-19",
    "resnet20": "ResNet-20", "cifar_resnet18": "ResNet-18", "cifar_resnet50": "ResNet-50",
    "fashion_mnist": "Fashion-MNIST", "mnist": "MNIST", "digits": "digits",
    "cifar10": "CIFAR-10", "cifar10_batch1": "CIFAR-10, first batch", "cifar100": "CIFAR-100",
    "tiny_imagenet": "Tiny ImageNet",
}  # fmt: skip
DASHES = (0, (4, 2))


def fig3_cifar10(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw test error (points) against density, a panel a network and data set.

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
    de Jorge et al. (2021), Fig. 3.
    """
    drawn = [point for point in _points(runs, entry, published) if point.measured.n]
    panels = list(dict.fromkeys(_panel(entry, point.run) for point in drawn))
    figure.set_size_inches(WIDTH, 3.9)
    grid = figure.subplots(1, len(panels), squeeze=False)[0]
    series: dict[str, list[Point]] = {}
    for axes, panel in zip(grid, panels, strict=True):
        of_panel = [point for point in drawn if _panel(entry, point.run) == panel]
        series |= _curves(axes, entry, of_panel, panel)
        axes.set_title(panel, loc="right", size=10)
    grid[0].set_ylabel("test error (points)")
    _legend(figure, [_method(entry, point.run) for point in drawn])
    return data_behind(series)


fig3_cifar100 = fig3_tiny_imagenet = fig3_conv = fig3_mlp = mlp_authors = fig3_cifar10


def _points(runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame) -> list[Point]:
    """Return every arm of the experiment, in the order of the plan."""
    grouped = points(entry, str(runs["experiment"].iat[0]), runs, published)
    found = {point.run: point for members in grouped.values() for point in members}
    return [found[run] for run in entry["arms"]]


def _setting(entry: Mapping, run: str, key: str) -> Any:
    return entry["arms"][run]["settings"].get(key)


def _panel(entry: Mapping, run: str) -> str:
    names = (_setting(entry, run, key) for key in ("model", "data"))
    return ", ".join(PLACES.get(name, name) for name in names)


def _method(entry: Mapping, run: str) -> tuple[str, bool]:
    """Return the criterion of an arm, and whether it is a one-shot method on more batches."""
    criterion = str(_setting(entry, run, "criterion"))
    several = float(_setting(entry, run, "scoring.batches") or 1) > 1
    return criterion, several and criterion in MB_NAMES


def _label(criterion: str, dashed: bool) -> str:
    return MB_NAMES[criterion] if dashed else NAMES.get(criterion, criterion)


def _curves(
    axes: Axes, entry: Mapping, members: Sequence[Point], panel: str
) -> dict[str, list[Point]]:
    """Draw the arms of one panel, a line a method, and return them by name."""
    series: dict[str, list[Point]] = {}
    methods: dict[tuple[str, bool], list[Point]] = {}
    for point in members:
        methods.setdefault(_method(entry, point.run), []).append(point)
    for place, ((criterion, dashed), arms) in enumerate(methods.items()):
        if criterion == "dense":
            axes.axhline(arms[0].measured.mean, color=DARK, linewidth=1, linestyle=(0, (1, 1.5)))
            series[f"{panel}, dense"] = arms
            continue
        series[f"{panel}, {_label(criterion, dashed)}"] = arms
        # Methods stand side by side, so that their replicates can be told apart.
        shift = 1.02 ** (place - len(methods) / 2)
        at = [float(_setting(entry, point.run, "density")) * shift for point in arms]
        _line(axes, at, arms, criterion, dashed)
    axes.set_xscale("log")
    axes.set_yscale("log")
    densities = sorted({float(_setting(entry, p.run, "density")) for p in members} - {1.0})
    axes.minorticks_off()
    axes.set_xticks(densities, [f"{100 * density:g}" for density in densities])
    low, high = axes.get_ylim()
    ticks = [tick for tick in (1, 2, 5, 10, 20, 30, 50, 70, 90) if low <= tick <= high]
    axes.set_yticks(ticks, [f"{tick}" for tick in ticks])
    axes.invert_xaxis()
    axes.set_xlabel("weights kept (%)")
    return series


def _line(
    axes: Axes, at: Sequence[float], arms: Sequence[Point], criterion: str, dashed: bool
) -> None:
    """Draw arms of one method at `at`: replicates, means with intervals, and a line."""
    colour, marker = LOOKS.get(criterion, (DARK, "."))
    for x, point in zip(at, arms, strict=True):
        cloud(axes, [x] * len(point.values), point.values, colour)
        mean_and_interval(axes, x, point.measured, colour, marker)
    drawn = sorted((x, point.measured.mean) for x, point in zip(at, arms, strict=True))
    style: Any = DASHES if dashed else "solid"
    axes.plot(*zip(*drawn, strict=True), color=colour, linewidth=1.3, linestyle=style, zorder=3)


def _legend(figure: Figure, methods: Iterable[tuple[str, bool]], linear: bool = False) -> None:
    handles = []
    for criterion, dashed in dict.fromkeys(methods):
        if criterion == "dense":
            handles.append(Line2D([], [], color=DARK, linestyle=(0, (1, 1.5)), label="dense"))
            continue
        colour, marker = LOOKS.get(criterion, (DARK, "."))
        name = f"{NAMES[criterion]}, linear" if linear and dashed else _label(criterion, dashed)
        style: Any = DASHES if dashed else "solid"
        handles.append(Line2D([], [], color=colour, marker=marker, linestyle=style, label=name))
    figure.legend(
        handles=handles, loc="outside upper left", ncols=5, columnspacing=1.2,
        handletextpad=0.5, handlelength=2.4, borderaxespad=0.2,
    )  # fmt: skip


def fig2_objective(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw the objective after pruning against T at density 0.01, a panel a network.

    Solid: exponential steps, dashed: linear ones; both begin at the one-shot mask (T = 1). Dotted
    lines across: methods without steps. Parameters and return value as in `fig3_cifar10`.

    References
    ----------
    de Jorge et al. (2021), Fig. 2.
    """
    wanted = {"scoring.reading": "paper", "scoring.loss": None, "density": 0.01}
    drawn = [
        point
        for point in _points(runs, entry, published)
        if point.measured.n
        and all(_setting(entry, point.run, key) == value for key, value in wanted.items())
    ]
    models = list(dict.fromkeys(_setting(entry, point.run, "model") for point in drawn))
    figure.set_size_inches(WIDTH, 3.9)
    grid = figure.subplots(1, len(models), squeeze=False)[0]
    series: dict[str, list[Point]] = {}
    for axes, model in zip(grid, models, strict=True):
        arms = [point for point in drawn if _setting(entry, point.run, "model") == model]
        series |= _against_steps(axes, entry, arms, PLACES.get(model, model))
    grid[0].set_ylabel("objective after pruning (log10, nats)")
    iterated = [("force", False), ("force", True), ("iter_snip", False), ("iter_snip", True)]
    _legend(figure, iterated, linear=True)
    return data_behind(series)


def _against_steps(
    axes: Axes, entry: Mapping, arms: Sequence[Point], name: str
) -> dict[str, list[Point]]:
    series: dict[str, list[Point]] = {}
    once = [point for point in arms if _setting(entry, point.run, "criterion") == "snip"]
    for point in arms:
        criterion = _setting(entry, point.run, "criterion")
        if criterion in ("force", "iter_snip"):
            linear = _setting(entry, point.run, "scoring.schedule") == "linear"
            label = f"{name}, {NAMES[criterion]}{', linear' if linear else ''}"
            series.setdefault(label, [*once]).append(point)
            continue
        series[f"{name}, {NAMES[criterion]}"] = [point]
        if criterion == "snip":
            continue
        colour = LOOKS[criterion][0]
        axes.axhline(point.measured.mean, color=colour, linewidth=1.1, linestyle=(0, (1, 1.5)))
        axes.annotate(
            NAMES[criterion], (1, point.measured.mean), xycoords=("axes fraction", "data"),
            xytext=(0, 2), textcoords="offset points", ha="right", size=8, color=colour,
        )  # fmt: skip
    steps: set[float] = set()
    for label, members in series.items():
        at = [float(_setting(entry, point.run, "scoring.steps") or 1) for point in members]
        steps |= set(at)
        criterion = _setting(entry, members[-1].run, "criterion")
        if criterion in ("force", "iter_snip"):
            shift = 1.04 if criterion == "force" else 1 / 1.04
            _line(axes, [x * shift for x in at], members, criterion, label.endswith("linear"))
    axes.set_xscale("log")
    axes.minorticks_off()
    axes.set_xticks(sorted(steps), [f"{step:g}" for step in sorted(steps)])
    axes.set_xlabel("steps T")
    axes.set_title(name, loc="right", size=10)
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
                    "model": _setting(entry, run, "model"),
                    "criterion": _setting(entry, run, "criterion"),
                    "layer": str(metric).removeprefix(prefix).removesuffix(".weight"),
                    "number": number,
                    "density": estimate(values).mean,
                    "emptied": float((values == 0).mean()),
                }
            )
    behind = pd.DataFrame(rows)
    models = list(dict.fromkeys(behind["model"]))
    figure.set_size_inches(WIDTH, 0.6 + 2.1 * len(models))
    grid = figure.subplots(len(models), 1, squeeze=False)[:, 0]
    for axes, model in zip(grid, models, strict=True):
        image = _heat(axes, behind[behind["model"] == model])
        axes.set_title(PLACES.get(model, model), loc="right", size=10)
    grid[-1].set_xlabel("layer, from input to output")
    bar = figure.colorbar(image, ax=list(grid), shrink=0.8, pad=0.02)
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
        criterion = own["criterion"].iat[0]
        names.append(f"{NAMES.get(criterion, criterion)}  {own['emptied'].sum():.3g} empty")
    axes.set_yticks(range(len(methods)), names, size=8)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    return image
