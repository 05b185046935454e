"""The pictures of SNIP's masks and losses: Figure 2, Figure 4 and the densities of the layers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from common.names import CLASSES
from common.report.charts import Point
from common.report.curves import (
    DASHED,
    SOLID,
    dots,
    grouped,
    key,
    legend,
    panels,
    rows_behind,
    setting_of,
    traces,
)
from common.report.estimates import estimate
from common.report.looks import criterion, data_set, look, network
from common.report.plots import WIDTH
from papers.snip.sparsity import sparsity_of

GARMENTS = (
    *("T-shirt", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "boot"),
)
SOURCE = "independent computation over 100 seeds (LeNet-5-Caffe: 20)"

# Layer densities in %, mean and standard deviation of one seed, on MNIST with the authors' draw and
# biases counted in kappa. An independent computation by a separate implementation over 100 seeds
# (LeNet-5-Caffe: 20); the paper prints none.
INDEPENDENT = {
    ("lenet_300_100", 0.1): {"fc1": (7.60, 0.11), "fc2": (27.1, 0.84), "fc3": (65.6, 2.5)},
    ("lenet_300_100", 0.05): {"fc1": (3.25, 0.09), "fc2": (17.1, 0.66), "fc3": (55.8, 2.6)},
    ("lenet_300_100", 0.02): {"fc1": (0.958, 0.06), "fc2": (8.80, 0.43), "fc3": (44.0, 2.6)},
    ("lenet_300_100", 0.01): {"fc1": (0.334, 0.04), "fc2": (5.06, 0.28), "fc3": (36.3, 2.6)},
    ("lenet5_caffe", 0.02): {
        "conv1": (69.2, 3.5), "conv2": (13.1, 1.4), "fc1": (0.943, 0.10), "fc2": (24.6, 3.2),
    },
    ("lenet5_caffe", 0.01): {
        "conv1": (61.2, 3.8), "conv2": (7.25, 0.87), "fc1": (0.314, 0.06), "fc2": (18.8, 2.6),
    },
}  # fmt: skip


def fig2_images(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw Figure 2: the first layer's mask as an image, by class scored (columns) and sparsity.

    The lighter a pixel, the more of its weights are kept; every row has a grey scale of its own.
    The first replicate is shown. Of `runs` it reads ``image pixel:<row-major index>``, in [0, 1].

    Returns
    -------
    DataFrame
        An image a row: ``run, data, density, class``, then the share of weights kept, a pixel a
        column.

    References
    ----------
    Lee, Ajanthan, Torr (2019), Fig. 2.
    """
    images = _images(runs, entry)
    groups = list(images.groupby("data", sort=False))
    heights = [members["density"].nunique() + 0.55 for _, members in groups]
    figure.set_size_inches(WIDTH, 0.62 * sum(heights) + 0.3)
    grid = figure.subplots(len(groups), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, (data, members) in zip(grid, groups, strict=True):
        _mosaic(axes, str(data), members)
    figure.supxlabel("lighter: more of the pixel's weights are kept (grey scale by row)", size=9)
    return images


def _images(runs: pd.DataFrame, entry: Mapping) -> pd.DataFrame:
    first = runs[(runs["split"] == "image") & (runs["replicate"] == runs["replicate"].min())]
    index = first["metric"].str.removeprefix("pixel:").astype(int)
    table = first.assign(pixel=index).pivot(index="run", columns="pixel", values="value")
    table = table.sort_index(axis=1).add_prefix("pixel_")
    order = [run for run in entry["arms"] if run in table.index]
    settings = [entry["arms"][run]["settings"] for run in order]
    table = table.loc[order].reset_index()
    for at, (column, setting) in enumerate(
        (("data", "data"), ("density", "density"), ("class", "scoring.one_class")), start=1
    ):
        table.insert(at, column, [one[setting] for one in settings])
    return table


def _mosaic(axes: Axes, data: str, images: pd.DataFrame) -> None:
    """Draw the images of one data set as a single picture, one class a column."""
    densities = sorted(images["density"].unique(), reverse=True)
    classes = sorted(images["class"].unique())
    pixels = images.filter(like="pixel_")
    side = math.isqrt(pixels.shape[1])
    pitch = side + 2
    picture = np.full((pitch * len(densities) - 2, pitch * len(classes) - 2), np.nan)
    for row, density in enumerate(densities):
        of_row = images["density"] == density
        low, high = pixels[of_row].min(axis=None), pixels[of_row].max(axis=None)
        for label, image in zip(images["class"][of_row], pixels[of_row].to_numpy(), strict=True):
            top, left = row * pitch, classes.index(label) * pitch
            scaled = (image - low) / ((high - low) or 1.0)
            picture[top : top + side, left : left + side] = scaled.reshape(side, side)
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    centres = np.arange(len(classes)) * pitch + side / 2
    names = [GARMENTS[label] if data == "fashion_mnist" else str(label) for label in classes]
    axes.set_xticks(centres, names, size=8)
    rows = np.arange(len(densities)) * pitch + side / 2
    axes.set_yticks(rows, [f"{100 * (1 - density):.0f} %" for density in densities], size=8)
    axes.set_ylabel("sparsity", size=9)
    axes.set_title(data_set(data), loc="left", size=10)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)


def fig4_random_labels(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw Figure 4: training loss (nats) against the step, a curve an arm.

    Thin lines are replicates, the thick one is their mean, the band its 90 % interval; dashed:
    true labels.

    Returns
    -------
    DataFrame
        Columns ``kind, run, series, step, replicate, value, low, high, n``.

    References
    ----------
    Lee, Ajanthan, Torr (2019), Fig. 4.
    """
    figure.set_size_inches(WIDTH, 4.4)
    axes = figure.add_subplot()
    losses = runs[(runs["split"] == "train") & (runs["metric"] == "loss")]
    behind: list[dict[str, Any]] = []
    handles: list[Line2D] = []
    for index, run in enumerate(entry["arms"]):
        table = losses[losses["run"] == run].pivot(
            index="step", columns="replicate", values="value"
        )
        if table.empty:
            continue
        label = _labels_of(entry, run)
        style = DASHED if setting_of(entry, run, "labels") == "true" else SOLID
        means = traces(axes, table, look(index), style)
        handles.append(key(label, look(index), style))
        for step, mean in zip(table.index, means, strict=True):
            base = {"run": run, "series": label, "step": step}
            behind += rows_behind(base, table.loc[step], mean)
    chance = math.log(CLASSES.get(setting_of(entry, next(iter(entry["arms"])), "data"), 10))
    axes.axhline(chance, color="#777777", linewidth=1, linestyle=(0, (1, 2)))
    axes.annotate(
        "chance", (1, chance), xycoords=("axes fraction", "data"), xytext=(0, 3),
        textcoords="offset points", ha="right", color="#555555", size=8,
    )  # fmt: skip
    axes.set_ylim(bottom=0)
    axes.set_xlabel("step")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_ylabel("training loss (nats)")
    legend(figure, handles)
    columns = ["kind", "run", "series", "step", "replicate", "value", "low", "high", "n"]
    return pd.DataFrame(behind, columns=columns, dtype=object)


def _labels_of(entry: Mapping, run: str) -> str:
    name = criterion(setting_of(entry, run, "criterion")).name
    labels = setting_of(entry, run, "labels")
    arm = name if name == "dense" else f"{name}, {sparsity_of(entry, run):g} % sparse"
    decay = ", weight decay" if float(setting_of(entry, run, "recipe.weight_decay")) else ""
    return f"{arm}, {labels} labels{decay}"


def layer_densities(
    runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame, figure: Figure
) -> pd.DataFrame:
    """Draw the density (%) of every layer's weights, a panel a network, a colour a density.

    On MNIST open markers show `INDEPENDENT`.

    Returns
    -------
    DataFrame
        Columns ``run, series, layer, kind, replicate, value, low, high, n, source``; the
        independent values have the kind ``independent``.
    """
    arms = [run for run in entry["arms"] if run in set(runs["run"])]
    models = grouped(arms, lambda run: setting_of(entry, run, "model"))
    figure.set_size_inches(WIDTH, 3.6)
    grid = panels(figure, [network(model) for model in models], sharex=True)
    densities = sorted({float(setting_of(entry, run, "density")) for run in arms}, reverse=True)
    behind: list[dict[str, Any]] = []
    for panel, of_model in zip(grid, models.values(), strict=True):
        for run in of_model:
            density = float(setting_of(entry, run, "density"))
            index = densities.index(density)
            behind += _layers(panel, runs[runs["run"] == run], entry, run, index, len(densities))
        panel.set_xscale("log")
        panel.xaxis.set_major_formatter("{x:g}")
        panel.set_xlim(right=130)
        panel.set_xlabel("weights kept in the layer (%)")
        panel.grid(axis="y", visible=False)
    keys = [key(f"density {density:g}", look(i)) for i, density in enumerate(densities)]
    open_marks = any(row["kind"] == "independent" for row in behind)
    legend(figure, keys, also="independent computation" if open_marks else None)
    columns = ["run", "series", "layer", "kind", "replicate", "value", "low", "high", "n", "source"]
    return pd.DataFrame(behind, columns=columns, dtype=object)


def _layers(
    axes: Axes, rows: pd.DataFrame, entry: Mapping, run: str, index: int, of: int
) -> list[dict[str, Any]]:
    """Draw the layers of one arm and return the rows behind."""
    values = rows[rows["metric"].str.fullmatch(r"density:.*\.weight")]
    layers = [name[8:-7] for name in values["metric"].unique()]
    model, density = setting_of(entry, run, "model"), float(setting_of(entry, run, "density"))
    comparable = setting_of(entry, run, "data") == "mnist"
    known = INDEPENDENT.get((model, density), {}) if comparable else {}
    behind: list[dict[str, Any]] = []
    for row, layer in enumerate(layers):
        at = row + 0.6 * ((index + 0.5) / of - 0.5)
        base = {"run": run, "series": f"density {density:g}", "layer": layer}
        of_layer = values[values["metric"] == f"density:{layer}.weight"]
        percent = 100 * of_layer.set_index("replicate")["value"]
        point = Point(run, layer, percent, estimate(percent))
        dots(axes, at, point, look(index), flat=True)
        behind += rows_behind(base, percent, point.measured)
        if layer in known:
            mean, _ = known[layer]
            axes.plot(
                mean, at, "o", markersize=10, markerfacecolor="none", color=look(index)[0], zorder=3
            )
            behind.append(base | {"kind": "independent", "value": mean, "source": SOURCE})
    axes.set_yticks(range(len(layers)), layers)
    axes.set_ylim(len(layers) - 0.5, -0.5)
    return behind
