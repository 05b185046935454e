"""The pictures of SNIP that a generic chart would not show, a function an experiment.

Each draws into the figure it is given and returns the data behind. Here are the pictures of test
errors, Figures 1 and 3 and Table 3; those of masks and losses are in pictures.py.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from common.report.charts import Point, data_behind
from common.report.plots import WIDTH
from papers.snip.drawing import (
    LOOKS,
    MODEL_NAMES,
    NAMES,
    arms_drawn,
    beyond,
    curve,
    dots,
    error_axis,
    legend,
    level,
    main_sparsity,
    setting_of,
    sparsity_of,
)
from papers.snip.pictures import fig2_images, fig4_random_labels, layer_densities

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
    """Draw Figure 1 for LeNet-300-100: test error (points) against sparsity (%).

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
    Lee, Ajanthan, Torr (2019), Fig. 1.
    """
    return _error_against_sparsity(runs, entry, published, figure)


def fig1_lenet5(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw Figure 1 for LeNet-5-Caffe; as `fig1_lenet_300_100`."""
    return _error_against_sparsity(runs, entry, published, figure)


def _error_against_sparsity(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    figure.set_size_inches(WIDTH, 4.2)
    axes = figure.add_subplot()
    shown = [
        dataclasses.replace(point, x=f"{sparsity_of(entry, point.run):g}")
        for point in arms_drawn(runs, entry, published)
    ]
    series = _by_criterion(entry, shown)
    _draw_series(axes, series, beside=0.8)
    axes.set_xlabel("sparsity (%)")
    axes.set_xticks(range(0, 101, 10))
    legend(figure, [(*LOOKS[name], NAMES[name]) for name in series], shown)
    return data_behind({NAMES[name]: members for name, members in series.items()})


def _by_criterion(entry: Mapping, shown: Sequence[Point]) -> dict[str, list[Point]]:
    series: dict[str, list[Point]] = {}
    for point in shown:
        series.setdefault(setting_of(entry, point.run, "criterion"), []).append(point)
    return series


def _draw_series(axes: Axes, series: Mapping[str, list[Point]], beside: float) -> None:
    """Draw dense as a band, each criterion as a curve; random pruning may lie beyond the axes."""
    error_axis(axes, [p for name, members in series.items() if name != "random" for p in members])
    for name, members in series.items():
        if name == "dense":
            level(axes, members[0])
        colour = LOOKS[name][0]
        outside = [
            p for p in members if name == "random" and beyond(axes, float(str(p.x)), p, colour)
        ]
        curve(axes, name, [point for point in members if point not in outside], beside)


def fig3_errors(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw Figure 3: test error (points) against the scoring batch.

    The dense network, which is not scored, is the band alone; the arms of the control, at another
    sparsity, stand in a panel of their own. Parameters and return value as in `fig1_lenet_300_100`.

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
    ratios = [4, 1.2] if control else [1]
    axes, *beside = figure.subplots(1, len(ratios), width_ratios=ratios, squeeze=False)[0]
    for point in dense:
        level(axes, point)
    _batch_axis(axes, main)
    curve(axes, "snip", main, beside=0.15)
    error_axis(axes, [*dense, *main])
    axes.set_title(f"{sparsity:g} % sparsity", loc="right", size=9)
    for panel in beside:
        _control_panel(panel, entry, control)
    criteria = _by_criterion(entry, shown)
    legend(figure, [(*LOOKS[name], NAMES[name]) for name in criteria], shown)
    series = {NAMES["dense"]: dense, NAMES["snip"]: main, "control": control}
    return data_behind(series)


def _control_panel(axes: Axes, entry: Mapping, control: Sequence[Point]) -> None:
    for at, point in enumerate(control):
        look = LOOKS[setting_of(entry, point.run, "criterion")]
        dots(axes, at, point, *look, beside=0.2)
    error_axis(axes, control)
    names = [NAMES[setting_of(entry, point.run, "criterion")].split()[0] for point in control]
    axes.set_xticks(range(len(control)), names)
    axes.set_xlim(-0.5, len(control) - 0.3)
    axes.set_ylabel("")
    axes.grid(axis="x", visible=False)
    axes.set_title(f"control, {sparsity_of(entry, control[0].run):g} %", loc="right", size=9)


def fig3_images(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw the correlation of mask image and mean training image against the scoring batch.

    Parameters and return value as in `fig1_lenet_300_100`.

    References
    ----------
    Lee, Ajanthan, Torr (2019), Fig. 3; the paper shows the images and no number.
    """
    figure.set_size_inches(WIDTH, 3.6)
    axes = figure.add_subplot()
    shown = arms_drawn(runs, entry, published)
    _batch_axis(axes, shown)
    curve(axes, "snip", shown, beside=0.15)
    axes.set_ylabel("Pearson's r, mask image\nand mean training image")
    return data_behind({NAMES["snip"]: shown})


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
    """Draw Table 3 for LeNet-300-100: test error (points) by the draw that is scored.

    Parameters and return value as in `fig1_lenet_300_100`.

    References
    ----------
    Lee, Ajanthan, Torr (2019), Table 3.
    """
    return _scored_draws(runs, entry, published, figure)


def table3_lenet5(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw Table 3 for LeNet-5-Caffe; as `table3_lenet_300_100`."""
    return _scored_draws(runs, entry, published, figure)


def table3_recurrent(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw Table 3 for LSTM-s and GRU-s, a panel each; as `table3_lenet_300_100`."""
    return _scored_draws(runs, entry, published, figure)


def _scored_draws(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    shown = arms_drawn(runs, entry, published)
    rows = sorted({_row(entry, point.run) for point in shown})
    models = list(dict.fromkeys(setting_of(entry, point.run, "model") for point in shown))
    figure.set_size_inches(WIDTH, 1.4 + 0.38 * len(rows))
    panels = figure.subplots(1, len(models), sharey=True, squeeze=False)[0]
    for panel, model in zip(panels, models, strict=True):
        members = [point for point in shown if setting_of(entry, point.run, "model") == model]
        pruned = [p for p in members if setting_of(entry, p.run, "criterion") != "random"]
        error_axis(panel, pruned, flat=True)
        for point in members:
            name = setting_of(entry, point.run, "criterion")
            at = rows.index(_row(entry, point.run))
            if name == "dense":
                level(panel, point, flat=True)
            if name != "random" or not beyond(panel, at, point, LOOKS[name][0], flat=True):
                dots(panel, at, point, *LOOKS[name], beside=0.22, flat=True)
        panel.grid(axis="y", visible=False)
        panel.set_title(MODEL_NAMES.get(model, model), loc="right", size=10)
    panels[0].set_yticks(range(len(rows)), [label for _, label in rows])
    panels[0].set_ylim(len(rows) - 0.4, -0.5)
    criteria = _by_criterion(entry, shown)
    legend(figure, [(*LOOKS[name], NAMES[name]) for name in criteria], shown)
    series: dict[str, list[Point]] = {}
    for point in shown:
        label = f"{setting_of(entry, point.run, 'model')}, {_row(entry, point.run)[1]}"
        series.setdefault(label, []).append(point)
    return data_behind(series)


def _row(entry: Mapping, run: str) -> tuple[int, str]:
    """Return the rank of an arm's row, draws in the order of the paper's table, and its label."""
    criterion, sparsity = setting_of(entry, run, "criterion"), sparsity_of(entry, run)
    if criterion == "dense":
        return 0, "dense"
    if criterion == "random":
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
