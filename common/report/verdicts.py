"""The verdicts of an audit as a table for the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from common.products import read_object
from common.report.summary import verdict_label

WIDTH = 72


def verdict_table(audits: Iterable[Path]) -> str:
    """Return one line a claim and evidence: id, verdict, estimate with its interval, sentence.

    Parameters
    ----------
    audits : iterable of Path
        The audit.json of each paper.

    Raises
    ------
    Refused
        If a file is missing or is no audit.
    """
    rows = []
    for path in audits:
        for row in read_object(path)["claims"]:
            if row["part"] is None:
                verdict = verdict_label(row["verdict"], row["condition"] or "")
                says = row["says"] if len(row["says"]) <= WIDTH else row["says"][: WIDTH - 1] + "…"
                rows.append((row["id"], row["evidence"], verdict, _estimate(row), says))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join(lines)


def _estimate(row: dict) -> str:
    if row["estimate"] is None:
        return ""
    low, high = row["interval"] or (None, None)
    ends = [f"{end:.2f}" if end is not None else "" for end in (low, high)]
    return f"{row['estimate']:.2f}" + (f" [{ends[0]}, {ends[1]}]" if any(ends) else "")
