"""Verdicts in words: one, and those of an audit as a table for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

VERDICTS = ("supported", "contradicted", "inconclusive", "not_tested")
# A verdict in a proxy, on printed numbers or on runs whose condition nobody stated never reads as
# one under the paper's conditions.
LABELS = {
    "paper": ("supported", "contradicted", "inconclusive"),
    "proxy": ("holds in the proxy", "fails in the proxy", "inconclusive in the proxy"),
    "published": (
        "holds in printed numbers",
        "fails in printed numbers",
        "open in printed numbers",
    ),
    "unstated": (
        "supported, condition not stated",
        "contradicted, condition not stated",
        "inconclusive, condition not stated",
    ),
}
WIDTH = 72


def verdict_label(verdict: str, condition: str | None, evidence: str = "measured") -> str:
    """Return a verdict of an audit's row in words.

    Parameters
    ----------
    verdict : str
        One of `VERDICTS`.
    condition : str or None
        ``paper``, ``proxy``, or None (or empty) where none is known.
    evidence : str
        ``measured``, ``published`` or ``submitted``.

    Examples
    --------
    >>> verdict_label("supported", "proxy"), verdict_label("not_tested", None)
    ('holds in the proxy', 'not tested')
    """
    if verdict == "not_tested":
        return "not tested"
    group = "proxy" if condition == "proxy" else "paper"
    if evidence == "published":
        group = "published"
    elif evidence == "submitted" and not condition:
        group = "unstated"
    return LABELS[group][VERDICTS.index(verdict)]


def verdict_table(
    rows: Iterable[Mapping[str, Any]],
    decided_first: bool = False,
    records: Mapping[str, str] | None = None,
) -> str:
    """Return one line a claim and evidence: id, verdict, estimate with its interval, sentence.

    Parameters
    ----------
    rows : iterable of mapping
        Rows of audits; parts are left out. A claim that was not tested shows its reason.
    decided_first : bool
        Put the claims that were tested in front.
    records : mapping, optional
        Claim id -> verdict of record, shown where the claim was not tested here.
    """
    wholes = [row for row in rows if row["part"] is None]
    if decided_first:
        wholes.sort(key=lambda row: row["verdict"] == "not_tested")
    lines = []
    for row in wholes:
        verdict = verdict_label(row["verdict"], row["condition"], row["evidence"])
        untested = row["verdict"] == "not_tested"
        if untested and row["id"] in (records or {}):
            verdict += f"; on record: {(records or {})[row['id']]}"
        says = f"{row['reason']}: {row['says']}" if untested else row["says"]
        shown = says if len(says) <= WIDTH else says[: WIDTH - 1] + "…"
        lines.append((row["id"], row["evidence"], verdict, _estimate(row), shown))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _estimate(row: Mapping[str, Any]) -> str:
    if row["estimate"] is None or row["verdict"] == "not_tested":
        return ""
    low, high = row["interval"] or (None, None)
    ends = [f"{end:.2f}" if end is not None else "" for end in (low, high)]
    return f"{row['estimate']:.2f}" + (f" [{ends[0]}, {ends[1]}]" if any(ends) else "")
