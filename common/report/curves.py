"""What papers draw their own pictures with: arms as dots and curves, panels, axes, the legend.

A paper's ``figures.py`` keeps what is particular to the paper. Points come from the plan and the
run table by `arms_drawn`; names, colours and markers from `common.report.looks`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from common.report.charts import Point, points
from common.report.estimates import Estimate, estimate
from common.report.looks import DARK, RECALLED, criterion
from common.report.plots import (
    cloud,
    legend_columns,
    log_scale,
    mark_published,
    mean_and_interval,
    wide,
)

ACROSS: dict[str, Any] = {"color": DARK, "linewidth": 1, "linestyle": (0, (5, 4))}  # a level
SOLID, DASHED, DOTTED = "solid", (0, (4, 2)), (0, (1, 1.5))  # dashed: a variant of a method

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


def arms_drawn(runs: pd.DataFrame, entry: Mapping, published: pd.DataFrame) -> list[Point]:
    """Return every arm that ran or has a published number, in the order of the plan.

    `runs` are the rows of one experiment, `entry` its part of the plan.
    """
    grouped = points(entry, str(runs["experiment"].iat[0]), runs, published)
    everything = {point.run: point for members in grouped.values() for point in members}
    arms = [everything[run] for run in entry["arms"]]
    return [point for point in arms if point.measured.n or point.published]


def setting_of(entry: Mapping, run: str, key: str) -> Any:
    """Return the flat setting `key` of an arm, None where the arm does not say it."""
    return entry["arms"][run]["settings"].get(key)


def grouped(members: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """Return `members` by what `key` makes of them, groups in the order of their first member."""
    groups: dict[K, list[T]] = {}
    for one in members:
        groups.setdefault(key(one), []).append(one)
    return groups


def by_setting(entry: Mapping, members: Iterable[Point], key: str) -> dict[Any, list[Point]]:
    """Return arms by their flat setting `key`, groups in the order of their first arm."""
    return grouped(members, lambda point: setting_of(entry, point.run, key))


def panels(
    figure: Figure, titles: Sequence[str], columns: int | None = None, **sharing: Any
) -> list[Axes]:
    """Return a panel a title, `columns` beside each other (all of them by default).

    `sharing` goes to ``Figure.subplots`` (``sharex``, ``sharey``, ``width_ratios``).
    """
    columns = min(columns or len(titles), len(titles)) or 1
    grid = figure.subplots(-(-len(titles) // columns), columns, squeeze=False, **sharing)
    for axes, title in zip(grid.flat, titles, strict=False):
        axes.set_title(title, loc="right", size=10)
    for axes in grid.flat[len(titles) :]:
        axes.set_visible(False)
    return list(grid.flat[: len(titles)])


def dots(
    axes: Axes,
    at: float,
    point: Point,
    look: tuple[str, str],
    beside: float = 0.0,
    flat: bool = False,
) -> None:
    """Draw an arm at `at`: replicates `beside` it, mean with interval, published numbers.

    `look` is colour and marker; `beside` is in data units; `flat`: along the x axis.
    """
    colour, marker = look
    places = [at + beside * (1 + 0.3 * (number % 3)) for number in range(len(point.values))]
    if flat:
        cloud(axes, point.values, places, colour)
    else:
        cloud(axes, places, point.values, colour)
    mean_and_interval(axes, at, point.measured, colour, marker, flat=flat)
    mark_published(axes, at, point.published, marker, colour, flat=flat)


def curve(
    axes: Axes,
    places: Sequence[float],
    members: Sequence[Point],
    look: tuple[str, str],
    beside: float = 0.0,
    style: Any = SOLID,
) -> None:
    """Draw arms at `places` of the x axis as `dots`, their means joined by a line of `style`.

    `beside` is in data units, on a logarithmic x axis a share of the place.
    """
    logarithmic = axes.get_xscale() == "log"
    for at, point in zip(places, members, strict=True):
        dots(axes, at, point, look, beside * at if logarithmic else beside)
    drawn = [
        (at, point.measured.mean)
        for at, point in zip(places, members, strict=True)
        if point.measured.n
    ]
    if drawn:
        joined = zip(*sorted(drawn), strict=True)
        axes.plot(*joined, color=look[0], linewidth=1.4, linestyle=style, zorder=2)


def traces(
    axes: Axes, table: pd.DataFrame, look: tuple[str, str], style: Any = SOLID
) -> list[Estimate]:
    """Draw what was followed over steps, and return the estimate at each step.

    Thin lines are replicates (the columns of `table`, its index the steps), the thick one is their
    mean, the band its 90 % interval.
    """
    colour, marker = look
    few = len(table) <= 12
    means = [estimate(table.loc[step]) for step in table.index]
    line: dict[str, Any] = {"color": colour, "linestyle": style}
    pale: dict[str, Any] = {"linewidth": 0.7, "alpha": 0.35, "marker": "." if few else ""}
    for replicate in table:
        axes.plot(table.index, table[replicate], **line, **pale, zorder=2)
    axes.fill_between(
        table.index, [m.low for m in means], [m.high for m in means],
        color=colour, alpha=0.15, linewidth=0, zorder=1,
    )  # fmt: skip
    axes.plot(
        table.index, [m.mean for m in means], **line, marker=marker, markersize=4.5,
        markevery=max(1, len(table) // 8), linewidth=1.8, zorder=3,
    )  # fmt: skip
    return means


def rows_behind(base: Mapping[str, Any], values: pd.Series, mean: Estimate) -> list[dict[str, Any]]:
    """Return the rows behind one mark: each replicate of `values` (indexed by it), and `mean`."""
    rows = [
        {**base, "kind": "replicate", "replicate": replicate, "value": value}
        for replicate, value in values.dropna().items()
    ]
    interval = {"value": mean.mean, "low": mean.low, "high": mean.high, "n": mean.n}
    return [*rows, {**base, "kind": "mean", **interval}]


def level(axes: Axes, dense: Point, flat: bool = False) -> None:
    """Draw the dense network's mean across the axes, and its 90 % interval as a band."""
    if not dense.measured.n:
        return
    across, band = (axes.axvline, axes.axvspan) if flat else (axes.axhline, axes.axhspan)
    across(dense.measured.mean, **ACROSS, zorder=1)
    if dense.measured.n > 1:
        band(dense.measured.low, dense.measured.high, color=DARK, alpha=0.12, linewidth=0, zorder=0)


def error_axis(
    axes: Axes, inside: Sequence[Point], flat: bool = False, logarithmic: bool | None = None
) -> None:
    """Scale and label the axis of test errors (points) so that the arms `inside` fill it.

    It is logarithmic where errors reach far; `logarithmic` decides it instead.
    """
    values = [v for p in inside for v in [*p.values, *(value for value, _, _ in p.published)]]
    (axes.set_xlabel if flat else axes.set_ylabel)("test error (points)")
    if not values:
        return
    low, high = min(values), max(values)
    if low > 0 and (wide(values) if logarithmic is None else logarithmic):
        log_scale(axes, values, flat)
        room = (high / low) ** 0.08
        limits = (low / room, high * room)
    else:
        ends = [
            end for p in inside if p.measured.n > 1 for end in (p.measured.low, p.measured.high)
        ]
        low, high = min([low, *ends]), max([high, *ends])
        room = 0.08 * ((high - low) or 1.0)
        limits = (low - room, high + room)
    axes.set(**{"xlim" if flat else "ylim": limits})


def beyond(axes: Axes, at: float, point: Point, text: str, colour: str, flat: bool = False) -> bool:
    """Write `text` and an arrow at the edge of the axes if the arm's mean lies beyond it.

    Return whether it does: what fails altogether, such as random pruning, would otherwise press
    everything else together.
    """
    edge = (axes.get_xlim() if flat else axes.get_ylim())[1]
    if not point.measured.n or point.measured.mean <= edge:
        return False
    arrow = "\N{RIGHTWARDS ARROW}" if flat else "\N{UPWARDS ARROW}"
    axes.annotate(
        f"{text} {arrow}",
        (1, at) if flat else (at, 1),
        xycoords=("axes fraction", "data") if flat else ("data", "axes fraction"),
        ha="right", va="center" if flat else "top", color=colour, size=8,
    )  # fmt: skip
    return True


def key(label: str, look: tuple[str, str], style: Any = SOLID) -> Line2D:
    """Return an entry of a legend: `look` is colour and marker (``""``: a line alone)."""
    return Line2D([], [], color=look[0], marker=look[1], linestyle=style, label=label)


def keys_of(criteria: Iterable[str]) -> list[Line2D]:
    """Return the legend's entries of `criteria`, each once."""
    looks = [criterion(name) for name in dict.fromkeys(criteria)]
    return [key(one.name, one.drawn) for one in looks]


def level_key(label: str = "dense") -> Line2D:
    """Return the legend's entry of what `level` draws."""
    return Line2D([], [], **ACROSS, label=label)


def legend(
    figure: Figure,
    keys: Iterable[Line2D],
    shown: Iterable[Point] = (),
    also: str | None = None,
) -> None:
    """Put the legend above all axes: `keys`, one a label, and what open markers are.

    Open markers are the published numbers of the arms `shown`, and what `also` says.
    """
    handles = {str(one.get_label()): one for one in keys}
    origins = {origin for point in shown for _, _, origin in point.published}
    hollow = {"published": DARK} if origins - {"recalled"} else {}
    hollow |= {"recalled": RECALLED} if "recalled" in origins else {}
    hollow |= {also: DARK} if also else {}
    for label, colour in hollow.items():
        handles[label] = Line2D(
            [], [], linestyle="none", marker="o", markersize=8, markerfacecolor="none",
            markeredgecolor=colour, label=label,
        )  # fmt: skip
    if not handles:
        return
    figure.legend(
        handles=list(handles.values()), loc="outside upper left",
        ncols=legend_columns(list(handles)), columnspacing=1.4, handletextpad=0.5,
        handlelength=2.2, borderaxespad=0.2,
    )  # fmt: skip
