"""What the pictures of SNIP share: the looks of its arms, dots with intervals, axes, the legend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from common.report.charts import Point, points
from common.report.plots import PALETTE, RECALLED, cloud, mark_published, mean_and_interval

DARK = "#333333"
# Colour and marker of a criterion mean the same in every picture.
LOOKS = {"dense": (DARK, "D"), "snip": (PALETTE[0], "o"), "random": (PALETTE[1], "s")}
NAMES = {"dense": "dense", "snip": "SNIP", "random": "random pruning"}
MODEL_NAMES = {
    "lenet_300_100": "LeNet-300-100", "lenet5_caffe": "LeNet-5-Caffe",
    "lstm_s": "LSTM-s", "lstm_b": "LSTM-b", "gru_s": "GRU-s", "gru_b": "GRU-b",
}  # fmt: skip
LOG_FROM = 8  # a ratio of largest to smallest error from which its axis is logarithmic


def arms_drawn(runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame) -> list[Point]:
    """Return every arm that ran or has a published number, in the order of the plan.

    `runs` are the rows of one experiment, `entry` its part of the plan.
    """
    grouped = points(entry, str(runs["experiment"].iat[0]), runs, published)
    everything = {point.run: point for members in grouped.values() for point in members}
    arms = [everything[run] for run in entry["arms"]]
    return [point for point in arms if point.measured.n or point.published]


def setting_of(entry: Mapping, run: str, key: str) -> Any:
    """Return the flat setting `key` of an arm."""
    return entry["arms"][run]["settings"].get(key)


def sparsity_of(entry: Mapping, run: str) -> float:
    """Return an arm's share of weights removed, in %."""
    return round(100 * (1 - float(setting_of(entry, run, "density"))), 6)


def main_sparsity(entry: Mapping) -> float:
    """Return the sparsity (%) that most SNIP arms share; the others serve the control."""
    snip = [run for run in entry["arms"] if setting_of(entry, run, "criterion") == "snip"]
    found = [sparsity_of(entry, run) for run in snip]
    return max(found, key=found.count, default=0.0)


def curve(axes: Axes, criterion: str, members: Sequence[Point], beside: float = 0.0) -> None:
    """Draw arms at their `x`, joined by a line; replicates stand `beside` them.

    `beside` is in data units, on a logarithmic x axis a share of `x`.
    """
    colour, marker = LOOKS[criterion]
    for point in members:
        at = float(str(point.x))
        aside = beside * at if axes.get_xscale() == "log" else beside
        dots(axes, at, point, colour, marker, beside=aside)
    drawn = sorted((float(str(p.x)), p.measured.mean) for p in members if p.measured.n)
    if drawn:
        axes.plot(*zip(*drawn, strict=True), color=colour, linewidth=1.4, zorder=2)


def dots(
    axes: Axes, at: float, point: Point, colour: str, marker: str, beside: float, flat: bool = False
) -> None:
    """Draw an arm's replicates, mean with interval and published numbers; `flat`: along x."""
    places = [at + beside * (1 + 0.3 * (number % 3)) for number in range(len(point.values))]
    if flat:
        cloud(axes, point.values, places, colour)
    else:
        cloud(axes, places, point.values, colour)
    mean_and_interval(axes, at, point.measured, colour, marker, flat=flat)
    mark_published(axes, at, point.published, marker, colour, flat=flat)


def level(axes: Axes, dense: Point, flat: bool = False) -> None:
    """Draw the dense network's mean across the axes, and its 90 % interval as a band."""
    if not dense.measured.n:
        return
    across, band = (axes.axvline, axes.axvspan) if flat else (axes.axhline, axes.axhspan)
    across(dense.measured.mean, color=DARK, linewidth=1, linestyle=(0, (5, 4)), zorder=1)
    if dense.measured.n > 1:
        band(dense.measured.low, dense.measured.high, color=DARK, alpha=0.12, linewidth=0, zorder=0)


def error_axis(axes: Axes, inside: Sequence[Point], flat: bool = False) -> None:
    """Scale and label the axis of test errors (points) so that the arms `inside` fill it."""
    values = [v for p in inside for v in [*p.values, *(value for value, _, _ in p.published)]]
    axis, name = (axes.xaxis, "x") if flat else (axes.yaxis, "y")
    (axes.set_xlabel if flat else axes.set_ylabel)("test error (points)")
    if not values:
        return
    low, high = min(values), max(values)
    if low > 0 and high / low >= LOG_FROM:
        axes.set(**{f"{name}scale": "log"})
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(_few_minor)
        axis.set_tick_params(which="minor", labelsize=8)
        room = (high / low) ** 0.08
        limits = (low / room, high * room)
    else:
        ends = [
            end for p in inside if p.measured.n > 1 for end in (p.measured.low, p.measured.high)
        ]
        low, high = min([low, *ends]), max([high, *ends])
        room = 0.08 * ((high - low) or 1.0)
        limits = (low - room, high + room)
    axes.set(**{f"{name}lim": limits})


def _few_minor(value: float, _position: object = None) -> str:
    return f"{value:g}" if f"{value:e}"[0] in "25" else ""


def beyond(axes: Axes, at: float, point: Point, colour: str, flat: bool = False) -> bool:
    """Say at the edge of the axes what an arm reached if it lies beyond; return whether it does.

    Random pruning would otherwise press everything else together. The text is the mean and the
    lowest and highest replicate.
    """
    if (
        not point.measured.n
        or point.measured.mean <= (axes.get_xlim() if flat else axes.get_ylim())[1]
    ):
        return False
    low, high = point.values.min(), point.values.max()
    span = f" ({low:.1f} to {high:.1f})" if point.measured.n > 1 else ""
    arrow = "\N{RIGHTWARDS ARROW}" if flat else "\N{UPWARDS ARROW}"
    axes.annotate(
        f"random {point.measured.mean:.1f}{span} {arrow}",
        (1, at) if flat else (at, 1),
        xycoords=("axes fraction", "data") if flat else ("data", "axes fraction"),
        ha="right", va="center" if flat else "top", color=colour, size=9,
    )  # fmt: skip
    return True


def legend(
    figure: Figure,
    looks: Iterable[tuple[str, str, str]],
    shown: Iterable[Point] = (),
    also: str | None = None,
) -> None:
    """Put the legend above all axes: each (colour, marker, label), and what open markers are."""
    handles = [
        Line2D([], [], color=colour, marker=marker, label=label) for colour, marker, label in looks
    ]
    origins = {origin for point in shown for _, _, origin in point.published}
    hollow = {"published": DARK} if origins - {"recalled"} else {}
    hollow |= {"recalled": RECALLED} if "recalled" in origins else {}
    hollow |= {also: DARK} if also else {}
    handles += [
        Line2D([], [], linestyle="none", marker="o", markersize=8, markerfacecolor="none",
               markeredgecolor=colour, label=label)
        for label, colour in hollow.items()
    ]  # fmt: skip
    figure.legend(
        handles=handles, loc="outside upper left", ncols=min(len(handles), 5),
        columnspacing=1.4, handletextpad=0.5, handlelength=1.6, borderaxespad=0.2,
    )  # fmt: skip
