"""The pieces that charts are drawn with, for the generic ones and for a paper's own figures."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from common.report.estimates import Estimate
from common.report.looks import RECALLED

LOG_FROM = 8  # a ratio of largest to smallest from which an axis is logarithmic
DECADES = 300  # and one from which its powers of ten alone are labelled
WIDTH = 7.0  # inches: at 700 px, ten points are fourteen pixels
STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.7,
    "axes.axisbelow": True,
    "axes.edgecolor": "#555555",
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "none",  # as text: half the size, and a reader can search and copy it
}


def wide(values: Sequence[float]) -> bool:
    """Return whether `values` reach so far that their axis is logarithmic."""
    return bool(values) and min(values) > 0 and max(values) / min(values) >= LOG_FROM


def log_scale(axes: Axes, values: Sequence[float], flat: bool = False) -> None:
    """Make the axis of `values` (> 0) logarithmic, with numbers at its ticks; `flat`: the x axis.

    A short axis has numbers at 2, 3, 5 and 7 too, a long one at 2 and 5, the longest at powers of
    ten alone.
    """
    axis = axes.xaxis if flat else axes.yaxis
    (axes.set_xscale if flat else axes.set_yscale)("log")
    axis.set_major_formatter("{x:g}")
    reach = max(values) / min(values)
    digits = "" if reach >= DECADES else "25" if reach >= 10 else "2357"
    axis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in digits else "")
    axis.set_tick_params(which="minor", labelsize=8)


def legend_columns(labels: Sequence[str], inches: float = WIDTH, most: int = 6) -> int:
    """Return in how many columns of a legend `labels` fit into `inches`, at most `most`."""
    for columns in range(min(len(labels), most), 1, -1):
        parts = np.array_split(np.array([len(label) for label in labels]), columns)
        # Of a column: the handle, nine-point letters and the gap.
        if sum(0.62 + 0.066 * part.max() for part in parts) <= inches:
            return columns
    return 1


def cloud(axes: Axes, x: Sequence[float], y: Sequence[float], colour: str) -> None:
    """Draw the replicates as small pale dots, at `x` and `y` of equal length."""
    style: dict[str, Any] = {"s": 13, "color": colour, "alpha": 0.38, "linewidths": 0}
    axes.scatter(list(x), list(y), zorder=2, **style)


def mean_and_interval(
    axes: Axes, at: float, measured: Estimate, colour: str, marker: str, flat: bool = False
) -> None:
    """Draw the mean and its interval at the position `at`; `flat`: along the x axis."""
    if not measured.n:
        return
    half = [[measured.mean - measured.low], [measured.high - measured.mean]]
    bars: dict[str, Any] = {"xerr" if flat else "yerr": half} if measured.n > 1 else {}
    x, y = (measured.mean, at) if flat else (at, measured.mean)
    axes.errorbar(
        x,
        y,
        **bars,
        color=colour,
        marker=marker,
        markersize=6,
        capsize=3.5,
        linewidth=1.6,
        zorder=4,
    )


def mark_published(
    axes: Axes,
    at: float,
    published: Sequence[tuple[float, str, str]],
    marker: str,
    colour: str,
    flat: bool = False,
) -> None:
    """Draw published (value, source, origin) as open markers at `at`, recalled ones in grey."""
    for value, _, origin in published:
        edge = RECALLED if origin == "recalled" else colour
        x, y = (value, at) if flat else (at, value)
        axes.plot(
            x, y, marker=marker, markersize=10, markeredgewidth=1.5, markeredgecolor=edge,
            markerfacecolor="none", linestyle="none", zorder=3,
        )  # fmt: skip


def save(figure: Figure, salt: str) -> tuple[bytes, bytes]:
    """Return `figure` as SVG and PNG (200 dots an inch); equal figures give equal bytes.

    `salt` seeds the identifiers inside the SVG. Call it inside ``rc_context(STYLE)``.
    """
    svg, png = io.BytesIO(), io.BytesIO()
    with rc_context({"svg.hashsalt": salt}):
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    figure.savefig(png, format="png", dpi=200, metadata={"Software": None})
    return svg.getvalue(), png.getvalue()
