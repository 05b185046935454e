"""A fresh run beside the results of record: verdicts that changed first, then the numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from common import names
from common.errors import Refused
from common.products import read_object, read_plan
from common.report.runs import stored_runs

RELATIVE = 1e-5  # for numbers that no training made
CONFIDENCE = 0.99  # of Welch's interval, for means of trained networks
KEY = ["experiment", "run", "split", "metric"]


def compare(fresh: Path, record: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what differs between a folder of results and the record of the same scale.

    Parameters
    ----------
    fresh, record : Path
        ``results/<scale>`` and ``results/record/<scale>``.

    Returns
    -------
    verdicts : DataFrame
        ``paper, claim, evidence, record, fresh`` of the claims whose verdict changed.
    numbers : DataFrame
        One row an arm and metric at its last step: means, replicates, difference, `agrees`, and
        whether the arm has the `same_settings` in both. Exact quantities agree to 1e-5 relative;
        means of trained networks if the Welch 99 % interval of their difference contains 0.

    Raises
    ------
    Refused
        If either has no audited paper in common with the other.
    """
    papers = sorted(
        path.parent.name
        for path in record.glob("*/audit.json")
        if (fresh / path.parent.name / "audit.json").exists()
    )
    if not papers:
        raise Refused(f"{fresh.name}: no paper is both in results/ and in results/record/")
    verdicts = pd.concat([_verdicts(paper, fresh, record) for paper in papers])
    numbers = pd.concat([_numbers(paper, fresh, record) for paper in papers])
    return verdicts, numbers.sort_values(["agrees", "paper", *KEY], kind="stable")


def _verdicts(paper: str, fresh: Path, record: Path) -> pd.DataFrame:
    found = []
    for place in (record, fresh):
        rows = read_object(place / paper / "audit.json")["claims"]
        found.append({(r["id"], r["part"], r["evidence"]): r["verdict"] for r in rows})
    old, new = found
    rows = [
        (paper, f"{id_}/{part}" if part else id_, evidence, old.get(key), new.get(key))
        for key in dict.fromkeys([*old, *new])
        if old.get(key) != new.get(key)
        for id_, part, evidence in [key]
    ]
    return pd.DataFrame(rows, columns=["paper", "claim", "evidence", "record", "fresh"])


def _numbers(paper: str, fresh: Path, record: Path) -> pd.DataFrame:
    last, trained, first = [], set(), []
    for place in (record, fresh):
        plan = read_plan(place / paper / "plan.json")
        trained |= _trained(plan)
        first.append(
            {(e, run): arm["digests"][:1] for e, x in plan["experiments"].items()
             for run, arm in x["arms"].items()}
        )  # fmt: skip
        runs = stored_runs(plan, plan["experiments"], [place / "store"])
        final = runs.sort_values("step", kind="stable").groupby([*KEY, "replicate"]).last()
        last.append(final["value"].groupby(KEY).apply(list))
    both = pd.concat(last, axis=1, keys=["record", "fresh"]).dropna()
    rows = [
        (
            *(paper, *key, np.mean(old), np.mean(new), len(old), len(new)),
            *(*_agree(old, new, exact), first[0][key[:2]] == first[1][key[:2]]),
        )
        for key, old, new in both.itertuples()
        for exact in [key[0] not in trained or key[2] == "mask"]
    ]
    columns = ["mean_record", "mean_fresh", "n_record", "n_fresh"]
    columns += ["difference", "agrees", "same_settings"]
    return pd.DataFrame(rows, columns=["paper", *KEY, *columns])


def _trained(plan: Mapping) -> set[str]:
    """Return the experiments of a plan whose procedure trains."""
    return {
        name
        for name, entry in plan["experiments"].items()
        if names.PROCEDURES.get(entry["procedure"], ("", 0, True))[2]
    }


def _agree(old: list[float], new: list[float], exact: bool) -> tuple[float, bool]:
    difference = float(np.mean(new) - np.mean(old))
    if exact or old == new:
        return difference, bool(np.isclose(np.mean(old), np.mean(new), rtol=RELATIVE, atol=1e-12))
    if min(len(old), len(new)) < 2:
        return difference, difference == 0
    interval = stats.ttest_ind(new, old, equal_var=False).confidence_interval(CONFIDENCE)
    if np.isnan(interval.low):  # both without spread
        return difference, difference == 0
    return difference, bool(interval.low <= 0 <= interval.high)


def shown(verdicts: pd.DataFrame, numbers: pd.DataFrame) -> str:
    """Return the comparison as text: changed verdicts, changed arms, numbers that disagree."""
    lines = [f"{len(verdicts)} verdict(s) changed"]
    if len(verdicts):
        lines.append(verdicts.to_string(index=False))
    changed = numbers[~numbers["same_settings"]]
    for (paper, experiment), rows in changed.groupby(["paper", "experiment"], sort=False):
        arms = ", ".join(dict.fromkeys(rows["run"]))
        lines.append(
            f"settings changed since the record, not compared: {paper} {experiment}: {arms}"
        )
    numbers = numbers[numbers["same_settings"]]
    apart = numbers[~numbers["agrees"]]
    lines.append(f"{len(apart)} of {len(numbers)} numbers disagree")
    if len(apart):
        lines.append(apart.head(40).to_string(index=False, float_format=lambda x: f"{x:.4g}"))
    return "\n".join(lines)
