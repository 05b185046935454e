"""The generic charts: every replicate visible, mean with interval, published as open markers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from common import names
from common.report.cells import setting
from common.report.estimates import DATA_COLUMNS, Estimate, arm_values, estimate, final_values
from common.report.looks import BLUE, DARK, RECALLED, looks_of, plain, printed
from common.report.plots import (
    WIDTH,
    cloud,
    legend_columns,
    log_scale,
    mark_published,
    mean_and_interval,
    wide,
)
from common.report.tables import of_published, varying, words

BARE = ("criterion", "model", "data", "ablation", "layers_like", "init")  # say what they are


@dataclass(frozen=True)
class Point:
    """One arm as drawn: its replicates' values (n,), their estimate, and published numbers."""

    run: str
    x: object
    values: pd.Series
    measured: Estimate
    published: list[tuple[float, str, str]] = field(default_factory=list)  # value, source, origin


def points(
    entry: Mapping, experiment: str, runs: pd.DataFrame, published: pd.DataFrame
) -> dict[str, list[Point]]:
    """Return series -> its points: arms that differ in nothing but the setting on the x axis.

    `entry` is the experiment's part of the plan; without ``x`` every arm is a series of its own.
    A series bears the settings that tell it apart.
    """
    final = final_values(runs, experiment)
    arms, metric, x = entry["arms"], entry["metric"], entry.get("x")
    varied = [key for key in varying(arms) if key != x]
    keys = _telling(arms, sorted(varied, key=lambda key: key not in BARE))
    series: dict[str, list[Point]] = {}
    for run, arm in arms.items():
        settings = arm["settings"]
        label = _label(settings, keys)
        if not x and (arm.get("named") or not label):
            label = plain(run)
        known = of_published(published, experiment, run, metric).to_dict("records")
        numbers = [
            (float(row["value"]), row["source"], row["origin"]) for row in known if row["value"]
        ]
        values = arm_values(final, run, metric, settings.get("data"))
        point = Point(run, settings.get(x), values, estimate(values), numbers)
        series.setdefault(label or entry["metric"], []).append(point)
    return series


def _telling(arms: Mapping[str, Mapping], keys: Sequence[str]) -> list[str]:
    """Return those of `keys` that tell arms apart which the keys before them do not."""
    kept: list[str] = []
    for key in keys:
        groups: dict[tuple, set[str]] = {}
        for arm in arms.values():
            known = tuple(setting(arm["settings"].get(k)) for k in kept)
            groups.setdefault(known, set()).add(setting(arm["settings"].get(key)))
        if any(len(values) > 1 for values in groups.values()):
            kept.append(key)
    return kept


def _label(settings: Mapping, keys: Sequence[str]) -> str:
    """Return the settings that tell a series apart; what is off goes unsaid."""
    said = {key: setting(settings.get(key)) for key in keys}
    return ", ".join(
        printed(key, value) if key in BARE else f"{plain(key.split('.')[-1])} {plain(value)}"
        for key, value in said.items()
        if value not in ("none", "false")
    )


def data_behind(series: Mapping[str, Sequence[Point]]) -> pd.DataFrame:
    """Return what a chart shows, tidy: rows of kind replicate, mean, published and recalled."""
    rows: list[dict[str, object]] = []
    for label, members in series.items():
        for point in members:
            base = {
                "run": point.run,
                "series": label,
                "x": setting(point.x) if point.x is not None else None,
            }
            for replicate, value in point.values.items():
                rows.append(base | {"kind": "replicate", "replicate": replicate, "value": value})
            m = point.measured
            if m.n:
                mean = {"kind": "mean", "value": m.mean, "low": m.low, "high": m.high, "n": m.n}
                rows.append(base | mean)
            for value, source, origin in point.published:
                kind = "recalled" if origin == "recalled" else "published"
                rows.append(base | {"kind": kind, "value": value, "source": source})
    return pd.DataFrame(rows, columns=DATA_COLUMNS, dtype=object)


def series_chart(
    figure: Figure, series: Mapping[str, Sequence[Point]], x: str, metric: str
) -> None:
    """Draw `metric` against the setting `x`, a line a series, into `figure`.

    A series of a single point (such as the dense network) also gets a dashed line across.
    """
    axes = figure.add_subplot()
    places = _places([point.x for members in series.values() for point in members])
    logarithmic = wide([place for place in places.values() if place is not None])
    looks = looks_of(series)
    for label, members in series.items():
        colour, marker = looks[label]
        drawn: list[tuple[float, float]] = []
        for point in members:
            shift = _dodge(label, point, series)
            at = _shifted(places[setting(point.x)], shift, logarithmic, places)
            beside = [
                _shifted(at, 0.008 + 0.003 * (number % 3), logarithmic, places)
                for number in range(len(point.values))
            ]
            cloud(axes, beside, point.values, colour)
            mark_published(axes, at, point.published, marker, colour)
            if point.measured.n:
                drawn.append((at, point.measured.mean))
                mean_and_interval(axes, at, point.measured, colour, marker)
        if len(members) == 1 and len(series) > 1 and drawn:
            axes.axhline(drawn[0][1], color=colour, linestyle=(0, (5, 4)), linewidth=1, zorder=1)
        drawn.sort()
        axes.plot(*zip(*drawn, strict=True) if drawn else ((), ()), color=colour, linewidth=1.4)
        axes.plot([], [], color=colour, marker=marker, label=label)
    if logarithmic:
        axes.set_xscale("log")
    axes.minorticks_off()
    axes.set_xticks(_thinned(sorted(places.values()), logarithmic), labels=None)
    names = {place: name for name, place in places.items()}
    axes.set_xticklabels([_short(names[tick]) for tick in axes.get_xticks()])
    axes.set_xlabel(x.replace("_", " ").replace(".", " "))
    _value_axis(axes, series, metric)
    figure.set_size_inches(WIDTH, 4.2 + 0.2 * _legend(axes, series))


def dot_chart(figure: Figure, series: Mapping[str, Sequence[Point]], metric: str) -> None:
    """Draw `metric` for each arm, an arm a line from top to bottom, into `figure`."""
    arms = [(label, point) for label, members in series.items() for point in members]
    figure.set_size_inches(WIDTH, max(2.4, 1.3 + 0.42 * len(arms)))
    axes = figure.add_subplot()
    for row, (_, point) in enumerate(arms):
        colour = BLUE
        offsets = np.linspace(-0.16, 0.16, len(point.values)) if len(point.values) > 1 else [0.0]
        cloud(axes, point.values, [row + offset for offset in offsets][: len(point.values)], colour)
        mean_and_interval(axes, row, point.measured, colour, "o", flat=True)
        mark_published(axes, row, point.published, "D", colour, flat=True)
    axes.set_yticks(range(len(arms)), [label for label, _ in arms])
    axes.set_ylim(len(arms) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    _value_axis(axes, series, metric, flat=True)
    _legend(axes, {})


def empty_chart(figure: Figure, sentence: str) -> None:
    """Write `sentence` into `figure` in place of a chart."""
    figure.set_size_inches(WIDTH, 1.6)
    figure.text(0.5, 0.5, sentence, ha="center", va="center", wrap=True, color="#555555")


def _short(name: str) -> str:
    """Return a value of the x axis with three digits, if it is a number."""
    try:
        return f"{float(name):.3g}"
    except ValueError:
        return name


def _places(values: Sequence[object]) -> dict[str, float]:
    """Return the position on the x axis of each value: itself if all are numbers, else its rank."""
    names = {setting(value): value for value in values}
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in names.values()):
        return {name: float(str(value)) for name, value in names.items()}
    return {name: float(index) for index, name in enumerate(names)}


def _dodge(label: str, point: Point, series: Mapping[str, Sequence[Point]]) -> float:
    """Return how far a point steps aside, as a share of the x axis, for the series it meets."""
    here = setting(point.x)
    met = [name for name, members in series.items() if here in {setting(p.x) for p in members}]
    return (met.index(label) - (len(met) - 1) / 2) * min(0.02, 0.08 / len(met))


def _shifted(place: float, shift: float, logarithmic: bool, places: Mapping[str, float]) -> float:
    low, high = min(places.values()), max(places.values())
    return place * (high / low) ** shift if logarithmic else place + shift * ((high - low) or 1.0)


def _thinned(ticks: list[float], logarithmic: bool) -> list[float]:
    """Return those of `ticks` that lie far enough apart to be labelled, the last one included."""
    scaled = np.log(ticks) if logarithmic else np.asarray(ticks)
    span = (scaled[-1] - scaled[0]) or 1.0
    kept = [len(ticks) - 1]
    for index in range(len(ticks) - 2, -1, -1):
        if (scaled[kept[-1]] - scaled[index]) / span >= 0.055:
            kept.append(index)
    return [ticks[index] for index in reversed(kept)]


def _value_axis(axes: Axes, series: Mapping, metric: str, flat: bool = False) -> None:
    arms = [point for members in series.values() for point in members]
    values = [v for p in arms for v in [*p.values, *(value for value, _, _ in p.published)]]
    if wide(values):
        log_scale(axes, values, flat)
    unit = " (points)" if metric in names.POINTS else ""
    (axes.set_xlabel if flat else axes.set_ylabel)(f"{words(metric)}{unit}")


def _legend(axes: Axes, series: Mapping) -> int:
    """Write the legend above `axes`, in as many columns as fit, and return its rows."""
    handles, labels = axes.get_legend_handles_labels()
    handles, labels = (handles, labels) if len(series) > 1 else ([], [])
    shown = {
        line.get_markeredgecolor() for line in axes.lines if line.get_markerfacecolor() == "none"
    }
    style: dict[str, Any] = {
        "linestyle": "none",
        "markerfacecolor": "none",
        "markersize": 8,
        "marker": "o",
    }
    if shown - {RECALLED}:
        handles.append(Line2D([], [], markeredgecolor=DARK, **style))
        labels.append("published")
    if RECALLED in shown:
        handles.append(Line2D([], [], markeredgecolor=RECALLED, **style))
        labels.append("recalled")
    if not handles:
        return 0
    columns = legend_columns(labels, WIDTH - 0.8)
    axes.legend(
        handles, labels, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=columns,
        borderaxespad=0.3, columnspacing=1.4, handletextpad=0.5,
    )  # fmt: skip
    return -(-len(labels) // columns)
