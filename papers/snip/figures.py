"""The pictures of SNIP that a generic chart would not show, a function an experiment.

Each draws into the figure it is given and returns the data behind. Here are the pictures of test
errors, Figures 1 and 3 and Table 3; those of masks and losses are in pictures.py.

What they are given, and what they return, says `common.report.figures.own_functions`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from common.report.charts import Point, data_behind
from common.report.curves import (
    arms_drawn,
    beyond,
    by_setting,
    curve,
    dots,
    error_axis,
    grouped,
    keys_of,
    legend,
    level,
    panels,
    setting_of,
)
from common.report.looks import criterion, network
from common.report.plots import WIDTH
from papers.snip.pictures import fig2_images, fig4_random_labels, layer_densities
from papers.snip.sparsity import main_sparsity, sparsity_of

__all__ = [
    "fig1_lenet5",
    "fig1_lenet_300_100",
    "fig2_images",
    "fig3_errors",
    "fig3_images",
    "fig4_random_labels",
    "layer_densities",
    "table3_lenet5",
    "table3_lenet_300_100",
    "table3_recurrent",
]


def fig1_lenet_300_100(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw Figure 1: test error (points) against sparsity (%).

    References
    ----------
    Lee, Ajanthan, Torr (2019), Fig. 1.
    """
    figure.set_size_inches(WIDTH, 4.2)
    axes = figure.add_subplot()
    shown = [
        dataclasses.replace(point, x=f"{sparsity_of(entry, point.run):g}")
        for point in arms_drawn(runs, entry, published)
    ]
    series = by_setting(entry, shown, "criterion")
    error_axis(axes, [p for name, members in series.items() if name != "random" for p in members])
    for name, members in series.items():
        if name == "dense":
            level(axes, members[0])
        outside = [
            p for p in members if name == "random" and _beyond(axes, float(str(p.x)), p, flat=False)
        ]
        inside = [point for point in members if point not in outside]
        curve(
            axes,
            [float(str(point.x)) for point in inside],
            inside,
            criterion(name).drawn,
            beside=0.8,
        )
    axes.set_xlabel("sparsity (%)")
    axes.set_xticks(range(0, 101, 10))
    legend(figure, keys_of(series), shown)
    return data_behind({criterion(name).name: members for name, members in series.items()})


fig1_lenet5 = fig1_lenet_300_100


def _beyond(axes: Axes, at: float, point: Point, flat: bool) -> bool:
    """Say what an arm of random pruning reached, with its lowest and highest replicate, if far."""
    low, high = point.values.min(), point.values.max()
    span = f" ({low:.1f} to {high:.1f})" if point.measured.n > 1 else ""
    text = f"random {point.measured.mean:.1f}{span}"
    return beyond(axes, at, point, text, criterion("random").colour, flat)


def fig3_errors(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw Figure 3: test error (points) against the scoring batch.

    The dense network, which is not scored, is the band alone; the arms of the control, at another
    sparsity, stand in a panel of their own.

    References
    ----------
    Lee, Ajanthan, Torr (2019), Fig. 3.
    """
    figure.set_size_inches(WIDTH, 4.0)
    shown = arms_drawn(runs, entry, published)
    sparsity = main_sparsity(entry)
    dense = [point for point in shown if setting_of(entry, point.run, "criterion") == "dense"]
    pruned = [point for point in shown if point not in dense]
    main = [point for point in pruned if sparsity_of(entry, point.run) == sparsity]
    control = [point for point in pruned if point not in main]
    titles, ratios = [f"{sparsity:g} % sparsity"], [4.0]
    if control:
        titles.append(f"control, {sparsity_of(entry, control[0].run):g} %")
        ratios.append(1.2)
    axes, *beside = panels(figure, titles, width_ratios=ratios)
    for point in dense:
        level(axes, point)
    _batch_axis(axes, main)
    curve(axes, [float(str(p.x)) for p in main], main, criterion("snip").drawn, beside=0.15)
    error_axis(axes, [*dense, *main])
    for panel in beside:
        _control_panel(panel, entry, control)
    legend(figure, keys_of(by_setting(entry, shown, "criterion")), shown)
    series = {"dense": dense, criterion("snip").name: main, "control": control}
    return data_behind(series)


def _control_panel(axes: Axes, entry: Mapping, control: Sequence[Point]) -> None:
    looks = [criterion(setting_of(entry, point.run, "criterion")) for point in control]
    for at, point in enumerate(control):
        dots(axes, at, point, looks[at].drawn, beside=0.2)
    error_axis(axes, control)
    axes.set_xticks(range(len(control)), [look.name for look in looks])
    axes.set_xlim(-0.5, len(control) - 0.3)
    axes.set_ylabel("")
    axes.grid(axis="x", visible=False)


def fig3_images(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw the correlation of mask image and mean training image against the scoring batch.

    References
    ----------
    Lee, Ajanthan, Torr (2019), Fig. 3; the paper shows the images and no number.
    """
    figure.set_size_inches(WIDTH, 3.6)
    axes = figure.add_subplot()
    shown = arms_drawn(runs, entry, published)
    _batch_axis(axes, shown)
    curve(
        axes, [float(str(point.x)) for point in shown], shown, criterion("snip").drawn, beside=0.15
    )
    axes.set_ylabel("Pearson's r, mask image\nand mean training image")
    return data_behind({criterion("snip").name: shown})


def _batch_axis(axes: Axes, members: Sequence[Point]) -> None:
    axes.set_xscale("log")
    axes.minorticks_off()
    sizes = sorted({int(str(point.x)) for point in members})
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    if sizes:
        axes.set_xlim(sizes[0] / 1.7, sizes[-1] * 1.7)
    axes.set_xlabel("examples in the scoring batch")


def table3_lenet_300_100(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw Table 3: test error (points) by the draw that is scored, a panel a network.

    References
    ----------
    Lee, Ajanthan, Torr (2019), Table 3.
    """
    shown = arms_drawn(runs, entry, published)
    rows = sorted({_row(entry, point.run) for point in shown})
    models = by_setting(entry, shown, "model")
    figure.set_size_inches(WIDTH, 1.4 + 0.38 * len(rows))
    grid = panels(figure, [network(model) for model in models], sharey=True)
    for panel, members in zip(grid, models.values(), strict=True):
        pruned = [p for p in members if setting_of(entry, p.run, "criterion") != "random"]
        error_axis(panel, pruned, flat=True)
        for point in members:
            name = setting_of(entry, point.run, "criterion")
            at = rows.index(_row(entry, point.run))
            if name == "dense":
                level(panel, point, flat=True)
            if name != "random" or not _beyond(panel, at, point, flat=True):
                dots(panel, at, point, criterion(name).drawn, beside=0.22, flat=True)
        panel.grid(axis="y", visible=False)
    grid[0].set_yticks(range(len(rows)), [label for _, label in rows])
    grid[0].set_ylim(len(rows) - 0.4, -0.5)
    legend(figure, keys_of(by_setting(entry, shown, "criterion")), shown)
    return data_behind(grouped(shown, lambda point: _series(entry, point.run)))


table3_lenet5 = table3_recurrent = table3_lenet_300_100


def _series(entry: Mapping, run: str) -> str:
    return f"{network(setting_of(entry, run, 'model'))}, {_row(entry, run)[1]}"


def _row(entry: Mapping, run: str) -> tuple[int, str]:
    """Return the rank of an arm's row, draws in the order of the paper's table, and its label."""
    name, sparsity = setting_of(entry, run, "criterion"), sparsity_of(entry, run)
    if name == "dense":
        return 0, "dense"
    if name == "random":
        return 31, f"random, {sparsity:g} % sparse"
    if sparsity != main_sparsity(entry):
        return 30, f"SNIP, {sparsity:g} % sparse"
    init, sd = (
        setting_of(entry, run, "scoring.init"),
        float(setting_of(entry, run, "scoring.init_sd")),
    )
    order = ("rn", "tn", "vs_x", "vs_h")
    rank = 1 + order.index(init) if init in order else 9
    label = f"scored at {str(init).upper().replace('_', '-')}"
    return (rank, label) if sd == 1 else (rank + 10, f"{label}, sd {sd:g}")
