"""Paired timing: two functions in turn, compared pair by pair."""

from __future__ import annotations

import csv
import io
import statistics
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

COLUMNS = ("benchmark", "quantity", "value", "baseline", "ratio")


class Result(NamedTuple):
    """A line of results/bench.csv; `ratio` is value / baseline, the median over pairs."""

    benchmark: str
    quantity: str  # what value and baseline are, with the unit
    value: float
    baseline: float
    ratio: float


def paired(
    ours: Callable[[], object], theirs: Callable[[], object], pairs: int = 7
) -> tuple[float, float, float]:
    """Return the median seconds of `ours`, of `theirs`, and the median of their ratios.

    The two run in turn, after a warm-up of each, so that a machine whose speed drifts disturbs
    both alike; which of them comes first changes from pair to pair.
    """
    ours()
    theirs()
    times: list[tuple[float, float]] = []
    for pair in range(pairs):
        if pair % 2:
            second = _seconds(theirs)
            times.append((_seconds(ours), second))
        else:
            first = _seconds(ours)
            times.append((first, _seconds(theirs)))
    a, b = ([pair[side] for pair in times] for side in (0, 1))
    return statistics.median(a), statistics.median(b), statistics.median(x / y for x, y in times)


def _seconds(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def to_csv(results: Iterable[Result]) -> str:
    """Return `results` as CSV text, numbers to four significant digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for result in results:
        numbers = (result.value, result.baseline, result.ratio)
        writer.writerow((*result[:2], *(f"{number:.4g}" for number in numbers)))
    return text.getvalue()
