"""The audit of a paper: one row a claim and one a part, Holm's correction, and the counts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from statsmodels.stats.multitest import multipletests

from common import names
from common.audit.kinds import CONTRADICTED, INCONCLUSIVE, NOT_TESTED, SUPPORTED
from common.audit.power import planned_power
from common.audit.published import PublishedNumbers
from common.audit.runs import Runs
from common.audit.statistics import ALPHA
from common.audit.submitted import check_table
from common.audit.verdicts import Judge, Judged
from common.errors import unknown
from common.suite.claim_checks import check_contrasts
from common.suite.claims import Claim, load_claims

FIELDS = (
    "id", "part", "says", "where", "kind", "verdict", "reason", "condition", "evidence", "reading",
    "other_reading", "estimate", "interval", "unit", "supported_beyond", "contradicted_beyond", "n",
    "power", "holm", "control", "scale", "limits", "published", "needed_n",
)  # fmt: skip
EVIDENCE = ("measured", "submitted")
OTHER = {"paper": "authors_code", "authors_code": "paper"}
UNSAID = {"recipe.evaluations"}  # how often a run is looked at limits no verdict


def audit(
    run_table: pd.DataFrame,
    claims: Mapping[str, Claim] | str | Path,
    plan: Mapping[str, Any] | None = None,
    published: pd.DataFrame | None = None,
    evidence: str = "measured",
) -> list[dict[str, Any]]:
    """Return the verdict on every claim and every part of one, a row for each kind of evidence.

    Parameters
    ----------
    run_table : DataFrame
        Columns ``experiment, run, replicate, step, split, metric, value`` and the settings that
        the claims' selectors name; errors and accuracies in points (0-100).
    claims : mapping or path
        Claims by id, or the claims.yaml that holds them.
    plan : mapping, optional
        The paper's plan: its arms and replicates are what is judged. Without one the table itself
        says which arms there are, and the replicates that all arms of a claim share are used.
    published : DataFrame, optional
        The paper's published.csv.
    evidence : str
        ``measured``, or ``submitted`` for a table of someone else's.

    Returns
    -------
    list of dict
        Rows with the keys `FIELDS`; what is unknown is None. `part` is None for a whole claim;
        `holm` is None where the claim is neither supported nor inconclusive.

    Raises
    ------
    Refused
        If the table lacks a column or holds what it may not, or a published cell does not match.

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6, for the correction.
    """
    if evidence not in EVIDENCE:
        raise unknown("evidence", evidence, EVIDENCE)
    if isinstance(claims, str | Path):
        claims = load_claims(claims)
    check_contrasts(claims)
    table = check_table(run_table, finite=evidence == "submitted")
    if plan is not None and "paper" in table:
        table = table[table["paper"] == plan["paper"]].reset_index(drop=True)
    plumbing = plan is not None and plan.get("judge") == "exact"
    judge = Judge(Runs(table, plan), claims, plumbing)
    numbers = PublishedNumbers(published) if published is not None else None
    scale = plan.get("scale") if plan else None
    wholes = {name: judge.judge(claim) for name, claim in claims.items()}
    holm = _holm(wholes)
    rows = []
    for name, claim in claims.items():
        alone = claim.estimand is None and not claim.children and claim.published is not None
        if not alone or numbers is None:
            other = judge.judge(claim, other=True) if _has_other(claim) else None
            whole = _rows(wholes[name], other, numbers, plan)
            rows += [{**row, "evidence": evidence, "scale": scale} for row in whole]
            rows[len(rows) - len(whole)]["holm"] = holm.get(name)
        if claim.published and numbers is not None:
            rows.append({**_published_row(claim, numbers), "scale": scale})
    return rows


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the counts of an audit: verdicts on whole claims by condition, published ones apart.

    ``unstated`` holds those judged on a submitted table that states no condition, ``no_runs``
    those that no run here bears on.
    """
    names = ("paper", "proxy", "unstated", "no_runs", "published")
    groups: dict[str, list[str]] = {name: [] for name in names}
    for row in rows:
        if row["evidence"] == "published":
            groups["published"].append(row["verdict"])
        elif row["part"] is None:
            unstated = row["evidence"] == "submitted" and row["n"] is not None
            without = "unstated" if unstated else "no_runs"
            groups[row["condition"] or without].append(row["verdict"])
    verdicts = (SUPPORTED, CONTRADICTED, INCONCLUSIVE, NOT_TESTED)
    counts = {name: {v: found.count(v) for v in verdicts} for name, found in groups.items()}
    return {"claims": len({row["id"] for row in rows}), **counts}


def holm_counts(rows: list[dict[str, Any]]) -> dict[str, int]:
    """Return how many sampled claims are supported, and how many stand after Holm's correction."""
    found = [row["holm"] for row in rows if row["holm"] is not None and row["verdict"] == SUPPORTED]
    return {"supported": len(found), "stand": sum(found)}


def _holm(wholes: Mapping[str, Judged]) -> dict[str, bool]:
    """Return whether the sampled claims that were tested stand after Holm's correction."""
    family = {
        name: found.p_supported
        for name, found in wholes.items()
        if found.claim.is_sampled and found.p_supported is not None
    }
    if not family:
        return {}
    stands = multipletests(list(family.values()), alpha=ALPHA, method="holm")[0]
    return {
        name: bool(stand)
        for name, stand in zip(family, stands, strict=True)
        if wholes[name].verdict in (SUPPORTED, INCONCLUSIVE)
    }


def _has_other(claim: Claim) -> bool:
    return any(leaf.other is not None for leaf in claim.leaves)


def _rows(
    found: Judged,
    other: Judged | None,
    numbers: PublishedNumbers | None,
    plan: Mapping[str, Any] | None,
) -> list[dict[str, Any]]:
    rows = [_row(found, other, numbers, plan)]
    for name, child in found.children.items():
        beside = other.children[name] if other and _has_other(child.claim) else None
        rows += _rows(child, beside, numbers, plan)
    return rows


def _row(
    found: Judged,
    other: Judged | None,
    numbers: PublishedNumbers | None,
    plan: Mapping[str, Any] | None,
) -> dict[str, Any]:
    claim = found.claim
    row: dict[str, Any] = dict.fromkeys(FIELDS)
    row |= {key: getattr(claim, key) for key in ("id", "part", "says", "where", "kind", "reading")}
    row |= {key: getattr(found, key) for key in ("verdict", "reason", "condition", "n", "control")}
    row |= {"needed_n": found.needed_n, "estimate": _finite(found.estimate)}
    row["interval"] = found.interval and [_finite(end) for end in found.interval]
    row["unit"] = _unit(claim)
    if claim.supported_beyond is not None and not claim.children and claim.kind != "none":
        row["supported_beyond"], row["contradicted_beyond"] = claim.boundaries
    n = _planned_n(found, plan) or found.n
    row["power"] = planned_power(claim, n) if n else None
    row["limits"] = _limits(found, plan)
    if other is not None:
        row["other_reading"] = {
            "reading": OTHER[claim.reading],
            "verdict": other.verdict,
            "reason": other.reason,
            "estimate": _finite(other.estimate),
            "interval": other.interval and [_finite(end) for end in other.interval],
        }
    if claim.published_value is not None and numbers is not None:
        row["published"] = numbers.shown(claim.published_value)
    return row


def _published_row(claim: Claim, numbers: PublishedNumbers) -> dict[str, Any]:
    """Return the row of the published cells: the claim's own, or one beside the measured one."""
    evidence = claim.published
    assert evidence is not None
    count = numbers.count(evidence)
    decided = count.yes + count.no
    row: dict[str, Any] = dict.fromkeys(FIELDS)
    row |= {
        key: getattr(claim, key) for key in ("id", "says", "where", "kind", "reading", "limits")
    }
    row |= {
        "verdict": count.verdict,
        "reason": count.reason,
        "condition": "paper",
        "evidence": "published",
        "estimate": count.yes / decided if decided else None,
        "unit": "share of decided cells",
        "n": decided,
    }
    return row


def _unit(claim: Claim) -> str | None:
    if claim.unit or claim.estimand is None or claim.children:
        return claim.unit
    if claim.kind == "proportion":
        return "share"
    if claim.estimand.statistic == "spread":
        return "ratio of variances"
    if claim.estimand.is_ratio or claim.estimand.per:
        return "ratio"
    return "points" if claim.estimand.metric in names.POINTS else None


def _planned_n(found: Judged, plan: Mapping[str, Any] | None) -> int | None:
    if plan is None or not found.arms:
        return None
    experiments = plan["experiments"]
    return min(len(experiments[e]["arms"][run]["digests"]) for e, run in found.arms)


def _limits(found: Judged, plan: Mapping[str, Any] | None) -> str | None:
    """Return the claim's limits, and of a proxy every setting that is not the paper's."""
    if found.condition != "proxy" or plan is None:
        return found.claim.limits
    said = []
    for experiment, run in sorted(found.arms):
        arm = plan["experiments"][experiment]["arms"][run]
        for key, theirs in arm["deviations"].items():
            if key not in UNSAID:
                paper = " or ".join(f"{value}" for value in theirs)
                said.append(f"{key} {arm['settings'][key]} (the paper's: {paper})")
    proxy = f"Proxy: {', '.join(dict.fromkeys(said)) or 'not an arm of the paper'}."
    return f"{found.claim.limits} {proxy}" if found.claim.limits else proxy


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
