"""The audit as JSON, CSV, Markdown and LaTeX; every cell is safe where it ends up."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from common.audit.audit import FIELDS, holm_counts, summary
from common.audit.statistics import LEVEL
from common.cells import latex_cell, markdown_cell, spreadsheet_cell

# What stands in the page's columns: the paper's condition and the proxy are never mixed.
READS = {"supported": "holds", "contradicted": "fails"}
COLUMNS = (
    "claim", "says", "where", "kind", "paper's condition", "in the proxy", "condition not stated",
    "published data", "measured [90 % interval]", "boundary", "n", "power", "after Holm", "printed",
    "other reading", "reason", "control", "limits",
)  # fmt: skip
INHERITED = ("says", "where", "control", "limits")  # not repeated in the rows of parts
LATEX_COLUMNS = (
    "claim", "says", "paper's condition", "in the proxy", "published data",
    "measured [90 % interval]", "boundary", "n", "power", "after Holm",
)  # fmt: skip


def to_json(
    paper: str, scale: str | None, rows: list[dict[str, Any]], claims_log: str | None = None
) -> str:
    """Return the audit as JSON: rows, counts, Holm's counts, and whether claims changed."""
    content = {
        "paper": paper,
        "scale": scale,
        "level": LEVEL,
        "claims_log": claims_log,
        "summary": summary(rows),
        "holm": holm_counts(rows),
        "claims": rows,
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def to_csv(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the audit as CSV, one row a claim or part, nested fields in columns of their own."""
    nested = ("interval", "other_reading", "published")
    columns = [name for name in FIELDS if name not in nested]
    columns += ["interval_low", "interval_high", "other_reading", "other_verdict"]
    columns += ["other_estimate", "published_value", "published_origin"]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for row in rows:
        other, printed = row["other_reading"] or {}, row["published"] or {}
        low, high = row["interval"] or (None, None)
        flat = {
            **row,
            "interval_low": low,
            "interval_high": high,
            "other_reading": other.get("reading"),
            "other_verdict": other.get("verdict"),
            "other_estimate": other.get("estimate"),
            "published_value": printed.get("value"),
            "published_origin": printed.get("origin"),
        }
        writer.writerow({key: spreadsheet_cell(flat[key]) for key in columns})
    return text.getvalue()


def to_markdown(
    paper: str, scale: str | None, rows: list[dict[str, Any]], claims_log: str | None = None
) -> str:
    """Return the audit as a Markdown table with the counts above it."""
    lines = [
        f"# Audit of {markdown_cell(paper)}"
        + (f" at scale {markdown_cell(scale)}" if scale else "")
        + (" on submitted runs" if any(row["evidence"] == "submitted" for row in rows) else "")
    ]
    lines += ["", _counts(rows), ""]
    if claims_log:
        lines += [markdown_cell(claims_log[:1].upper() + claims_log[1:]) + ".", ""]
    lines.append("| " + " | ".join(COLUMNS) + " |")
    lines.append("|" + "---|" * len(COLUMNS))
    for row in rows:
        cells = _cells(row)
        lines.append("| " + " | ".join(markdown_cell(cells[name]) for name in COLUMNS) + " |")
    lines += [
        "",
        "Intervals are over replicates (seeds), given the test set. Errors and accuracies are",
    ]
    lines += ["in points. A proxy says nothing about the paper's own conditions."]
    return "\n".join(lines) + "\n"


def to_latex(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the audit as a LaTeX `longtable`; it needs the packages longtable and booktabs."""
    head = " & ".join(latex_cell(name) for name in LATEX_COLUMNS) + r" \\"
    lines = [
        "% Needs \\usepackage{longtable,booktabs} and \\usepackage[T1]{fontenc}.",
        rf"\begin{{longtable}}{{lp{{4cm}}{'l' * (len(LATEX_COLUMNS) - 2)}}}",
        r"\toprule",
        head,
        r"\midrule",
        r"\endhead",
    ]
    for row in rows:
        cells = _cells(row)
        lines.append(" & ".join(latex_cell(cells[name]) for name in LATEX_COLUMNS) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{longtable}"]) + "\n"


def number(value: float | None) -> str:
    """Return `value` to three significant digits, empty for None."""
    if value is None:
        return ""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _cells(row: Mapping[str, Any]) -> dict[str, str]:
    verdict = READS.get(row["verdict"], row["verdict"].replace("_", " "))
    published = row["evidence"] == "published"
    unstated = row["evidence"] == "submitted" and row["condition"] is None
    place = None if published or unstated else row["condition"] or "paper"
    other, printed = row["other_reading"], row["published"]
    return {
        "claim": f"{row['id']}/{row['part']}" if row["part"] else row["id"],
        "says": row["says"],
        "where": row["where"],
        "kind": row["kind"].replace("_", " "),
        "paper's condition": verdict if place == "paper" else "",
        "in the proxy": f"{verdict} in the proxy" if place == "proxy" else "",
        "condition not stated": verdict if unstated else "",
        "published data": verdict if published else "",
        "measured [90 % interval]": _estimate(row),
        "boundary": _boundary(row),
        "n": "" if row["n"] is None else str(row["n"]),
        "power": number(row["power"]),
        "after Holm": {True: "stands", False: "does not stand", None: ""}[row["holm"]],
        "printed": f"{number(printed['value'])} ({printed['origin']})" if printed else "",
        "other reading": f"{other['reading']}: {other['verdict'].replace('_', ' ')}"
        if other
        else "",
        "reason": row["reason"],
        "control": row["control"] or "",
        "limits": row["limits"] or "",
    }


def _estimate(row: Mapping[str, Any]) -> str:
    if row["estimate"] is None:
        return ""
    ends = row["interval"]
    interval = f" [{number(ends[0])}, {number(ends[1])}]" if ends else ""
    return f"{number(row['estimate'])}{interval} {row['unit'] or ''}".rstrip()


def _boundary(row: Mapping[str, Any]) -> str:
    supported, contradicted = row["supported_beyond"], row["contradicted_beyond"]
    if supported is None:
        return ""
    return number(supported) + (f" / {number(contradicted)}" if contradicted != supported else "")


def _counts(rows: list[dict[str, Any]]) -> str:
    counts, holm = summary(rows), holm_counts(rows)
    names = {
        "paper": "In the paper's condition",
        "proxy": "In proxies",
        "unstated": "In a condition not stated",
        "no_runs": "Without runs",
        "published": "On published data",
    }
    parts = [
        f"{title}: " + ", ".join(f"{n} {v.replace('_', ' ')}" for v, n in counts[key].items() if n)
        for key, title in names.items()
        if any(counts[key].values())
    ]
    stands = (
        f"After Holm's correction {holm['stand']} of {holm['supported']} supported claims stand"
    )
    return ". ".join([f"{counts['claims']} claims", *parts, stands]) + "."
