"""Counts of verdicts, the sentences at the top of the page, and the verdicts of record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from common.products import read_object
from common.report.claim_view import Claim, Record
from common.verdicts import VERDICTS, verdict_label

# Groups of judged claims, in the order of the page; a group without claims is not shown.
GROUPS = {
    "paper": "Measured, the paper's conditions",
    "proxy": "Measured, in a proxy",
    "published": "From published numbers",
    "submitted": "From a submitted table",
}


def record_of(audit: Mapping, scale: str, date: str) -> dict[str, tuple[int, str, Record]]:
    """Return claim id -> (rank, date, verdict of record) for the claims an audit of record judged.

    A verdict under the paper's conditions ranks above one in a proxy.
    """
    judged = {}
    for raw in audit.get("claims", []):
        measured = raw.get("evidence") != "published"
        if raw.get("part") is None and measured and raw["verdict"] != "not_tested":
            condition = str(raw.get("condition") or "")
            label = verdict_label(raw["verdict"], condition)
            rank = 0 if condition == "proxy" else 1
            judged[raw["id"]] = (rank, date, Record(raw["verdict"], condition, label, scale, date))
    return judged


def records(folder: Path, paper: str) -> dict[str, Record]:
    """Return the best verdict of record on each claim: the paper's conditions, then the latest.

    `folder` holds ``<scale>/<paper>/audit.json`` and ``<scale>/machine.json``.
    """
    best: dict[str, tuple[int, str, Record]] = {}
    for path in sorted(folder.glob(f"*/{paper}/audit.json")):
        scale = path.parent.parent
        judged = record_of(read_object(path), scale.name, date_of(scale / "machine.json"))
        for claim, found in judged.items():
            if claim not in best or found[:2] > best[claim][:2]:
                best[claim] = found
    return {claim: found[2] for claim, found in best.items()}


def date_of(path: Path) -> str:
    """Return the date in a ``machine.json``, empty where there is none."""
    return str(read_object(path).get("date") or "") if path.exists() else ""


def counts(claims: Sequence[Claim]) -> dict[str, dict[str, int]]:
    """Return group -> verdict -> number of claims, claims not tested under ``not_tested``."""
    table: dict[str, dict[str, int]] = {name: dict.fromkeys(VERDICTS[:3], 0) for name in GROUPS}
    table["not_tested"] = {"not_tested": 0}
    for claim in claims:
        if claim.row.verdict == "not_tested":
            table["not_tested"]["not_tested"] += 1
        else:
            table[claim.group][claim.row.verdict] += 1
    return table


def headline(claims: Sequence[Claim]) -> str:
    """Return a few sentences: what holds, under which conditions, how surely."""
    table = counts(claims)
    judged = len(claims) - table["not_tested"]["not_tested"]
    found = "; ".join(filter(None, (_outcomes(group, table[group]) for group in GROUPS)))
    sentences = [
        f"{judged} of {len(claims)} claims were judged: {found}."
        if judged
        else f"None of the {len(claims)} claims was judged in these results."
    ]
    corrected = [
        claim.row.holm for claim in claims if claim.row.holm and claim.row.verdict == "supported"
    ]
    if corrected:
        standing = _counted(corrected.count("yes"), "stands", "stand") or "none stands"
        sentences.append(
            f"Of {len(corrected)} supported by sampling, {standing} after Holm's correction."
        )
    of_record = Counter(
        ("proxy" if claim.record.condition == "proxy" else "paper", claim.record.verdict)
        for claim in claims
        if claim.record
    )
    if of_record:
        phrases = (
            _outcomes(group, {verdict: of_record[group, verdict] for verdict in VERDICTS})
            for group in GROUPS
        )
        sentences.append(f"Verdicts of record on others: {'; '.join(filter(None, phrases))}.")
    return " ".join(sentences)


def _outcomes(group: str, found: Mapping[str, int]) -> str:
    where = {
        "paper": "under the paper's conditions",
        "proxy": "in a proxy",
        "published": "on published numbers",
        "submitted": "on a submitted table",
    }[group]
    outcomes = (
        _counted(found["supported"], "holds", "hold"),
        _counted(found["contradicted"], "fails", "fail"),
        _counted(found["inconclusive"], "stays open", "stay open"),
    )
    said_of = ", ".join(filter(None, outcomes))
    return f"{where} {said_of}" if said_of else ""


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}" if count else ""
