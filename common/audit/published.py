"""Published numbers: shown beside measured ones, and re-analysed cell by cell as evidence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from scipy import stats

from common.audit.kinds import CONTRADICTED, NOT_TESTED, SUPPORTED
from common.audit.statistics import ALPHA
from common.errors import Refused, unknown
from common.suite.claim_blocks import Cell, Published, Sides
from common.suite.selectors import plain, same

RECALLED = "recalled"
YES, NO, UNDECIDED = "yes", "no", "undecided"


@dataclass(frozen=True)
class Number:
    """A published number, or the difference of two."""

    value: float
    error: float | None  # standard error; None where no spread is printed
    freedom: float  # degrees of freedom of `error` (Welch and Satterthwaite for a difference)
    origin: str


@dataclass(frozen=True)
class Count:
    """How many published cells agree with a claim; recalled ones are counted apart."""

    yes: int
    no: int
    undecided: int
    recalled: int
    verdict: str
    reason: str


class PublishedNumbers:
    """The rows of a published.csv.

    Parameters
    ----------
    table : DataFrame
        Columns ``value, spread, n, origin`` and any that selectors name; `spread` is the standard
        deviation over `n` runs. Where no spread or n is printed the cell is empty.
    """

    def __init__(self, table: pd.DataFrame) -> None:
        for column in ("value", "spread", "n", "origin"):
            if column not in table:
                raise Refused(f"published.csv: the column {column!r} is missing")
        self.table = table
        self._rows = table.to_dict("records")
        self._indices: dict[str, dict[object, set[int]]] = {}

    def shown(self, cell: Cell) -> dict[str, Any]:
        """Return value and origin of a published number, as the audit shows them.

        Raises
        ------
        Refused
            If the cell matches no row, or several.
        """
        number = self._number(cell.of, cell.minus)
        return {"value": number.value, "origin": number.origin}

    def count(self, evidence: Published) -> Count:
        """Return how many cells agree, and the verdict by the claim's quantifier.

        A cell is decided by its spread (Welch's t at 5 % each way), or, where the claim says
        `undecided_within`, by lying further than that from the boundary. Recalled cells and cells
        without a spread decide nothing.

        Raises
        ------
        Refused
            If a cell matches no row, or several.
        """
        answers = [_answer(evidence, number) for number in self._cells(evidence)]
        yes, no, undecided, recalled = (
            answers.count(kind) for kind in (YES, NO, UNDECIDED, RECALLED)
        )
        decided = yes + no
        agrees = no == 0 if evidence.quantifier == "all" else yes > decided / 2
        verdict = NOT_TESTED if decided == 0 else SUPPORTED if agrees else CONTRADICTED
        wanted = {"all": "all of the decided", "most": "more than half of the decided"}
        reason = f"published cells: {yes} yes, {no} no, {undecided} undecided"
        reason += f"; {wanted[evidence.quantifier]} wanted"
        if decided == 0 and evidence.undecided_within is None:
            reason += "; without a printed spread a cell decides nothing"
        if recalled:
            reason += f"; {recalled} recalled from memory decide nothing"
        return Count(yes, no, undecided, recalled, verdict, reason)

    def _cells(self, evidence: Published) -> list[Number]:
        cells = evidence.cells or (Sides(),)
        numbers = []
        for side in cells:
            of, minus = {**evidence.of, **side.of}, {**(evidence.minus or {}), **side.minus}
            for point in self._combinations(evidence.across, of):
                below = {**minus, **point} if minus else None
                numbers.append(self._number({**of, **point}, below))
        return numbers

    def _combinations(self, columns: Sequence[str], of: Mapping[str, Any]) -> list[dict]:
        if not columns:
            return [{}]
        for column in columns:
            self._known(column)
        rows = self.table.iloc[self._matching(of)]
        if rows.empty:
            raise Refused(f"published.csv: no row has {dict(of)}")
        return rows[list(columns)].drop_duplicates().to_dict("records")

    def _number(self, of: Mapping[str, Any], minus: Mapping[str, Any] | None) -> Number:
        first = self._one(of)
        if minus is None:
            return first
        second = self._one(minus)
        origins = (first.origin, second.origin)
        origin = RECALLED if RECALLED in origins else "; ".join(dict.fromkeys(origins))
        error, freedom = None, math.inf
        if first.error is not None and second.error is not None:
            parts = [(number.error or 0.0, number.freedom) for number in (first, second)]
            error = math.hypot(*(e for e, _ in parts))
            below = sum(e**4 / f for e, f in parts)
            freedom = error**4 / below if below else math.inf
        return Number(round(first.value - second.value, 10), error, freedom, origin)

    def _one(self, selector: Mapping[str, Any]) -> Number:
        found = self._matching(selector)
        if len(found) != 1:
            raise Refused(f"published.csv: {dict(selector)} matches {len(found)} rows, not one")
        row = self._rows[found[0]]
        try:
            value = float(row["value"])
        except (TypeError, ValueError):
            raise Refused(f"published.csv: {dict(selector)} has no number for a value") from None
        spread, n = (_number_or_none(row[key]) for key in ("spread", "n"))
        known = spread is not None and n is not None and n >= 2
        error = spread / math.sqrt(n) if known else None  # type: ignore[operator,arg-type]
        return Number(value, error, n - 1 if known else math.inf, str(row["origin"]))  # type: ignore[operator]

    def _matching(self, selector: Mapping[str, Any]) -> list[int]:
        found = set(range(len(self._rows)))
        for column, value in selector.items():
            self._known(column)
            found &= self._index(column).get(plain(value), set())
        return sorted(found)

    def _index(self, column: str) -> dict[object, set[int]]:
        """Return value -> the rows that have it in `column`, made once a column."""
        if column not in self._indices:
            index: dict[object, set[int]] = {}
            for number, row in enumerate(self._rows):
                index.setdefault(plain(row[column]), set()).add(number)
            self._indices[column] = index
        return self._indices[column]

    def _known(self, column: str) -> None:
        if column not in self.table:
            raise unknown("column", column, self.table.columns, "published.csv")


def _answer(evidence: Published, number: Number) -> str:
    """Return yes, no, undecided or recalled of one cell."""
    if number.origin == RECALLED:
        return RECALLED
    within = evidence.undecided_within
    if within is None and number.error is None:
        return UNDECIDED
    if evidence.test == "equivalent":
        sides = [(number.value + evidence.beyond), (evidence.beyond - number.value)]
    else:
        sign = -1 if evidence.test == "at_most" else 1
        sides = [sign * (number.value - evidence.beyond)]
    if within is not None:
        inside = round(min(sides), 10)  # how far inside the claimed region the value lies
        if within == 0 and inside == 0:
            return UNDECIDED if evidence.test == "greater" else YES
        return UNDECIDED if abs(inside) <= within else YES if inside > 0 else NO
    if all(_surely_above_zero(side, number) for side in sides):
        return YES
    return NO if any(_surely_above_zero(-side, number) for side in sides) else UNDECIDED


def _surely_above_zero(distance: float, number: Number) -> bool:
    if not number.error:
        return distance > 0
    return bool(stats.t.sf(distance / number.error, number.freedom) <= ALPHA)


def _number_or_none(value: object) -> float | None:
    if same(value, None):
        return None
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise Refused(f"published.csv: spread or n {value!r} must be a number, or empty") from None
