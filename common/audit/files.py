"""Reading what the audit of a paper is made of, and writing its four files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from common import files
from common.audit.audit import audit
from common.audit.log import compare_with_log
from common.audit.submitted import read_table
from common.audit.tables import to_csv, to_json, to_latex, to_markdown
from common.errors import Refused, unknown
from common.products import read_plan, read_published
from common.suite import yaml
from common.suite.claims import Claim, load_claims
from common.suite.experiments import paper_names


def audit_files(
    paper: str,
    runs: str | Path,
    plan: str | Path | None = None,
    claims: str | Path | None = None,
    published: str | Path | None = None,
    scale: str | None = None,
) -> dict[str, str]:
    """Return the audit of `paper` as the texts of its files, by suffix: json, csv, md, tex.

    Parameters
    ----------
    paper : str
        The paper's name; its claims.yaml and published.csv are used unless others are given.
    runs : path
        The run table.
    plan : path, optional
        The paper's plan.json, which has claims.log beside it. Without one `runs` is someone's own
        table and the evidence is `submitted`.
    scale : str, optional
        What the plan must have been made for.

    Raises
    ------
    Refused
        If a file is missing or wrong, or the plan is another paper's or scale's.
    """
    yaml.check_name(paper, "paper", "--paper")
    folder = files.PAPERS / paper
    if claims is None and not folder.is_dir():
        raise unknown("paper", paper, paper_names(), "--paper")
    claimed = load_claims(claims or folder / "claims.yaml")
    numbers = None
    if published or (folder / "published.csv").exists():
        numbers = read_published(published or folder / "published.csv")
    content = None if plan is None else _read_plan(plan, paper, scale)
    table = read_table(runs) if plan is None else _read_runs(runs)
    evidence = "submitted" if plan is None else "measured"
    if plan is None and "paper" in table:
        table = table[table["paper"] == paper]
        if table.empty:
            raise Refused(f"{Path(runs).name}: no row has paper {paper!r}")
    if plan is None:
        _check_use(table, claimed, Path(runs).name)
    rows = audit(table, claimed, content, numbers, evidence)
    log = None
    if plan and content:
        log = compare_with_log(claimed, content, Path(plan).with_name("claims.log"))
    named = content["scale"] if content else scale
    return {
        "json": to_json(paper, named, rows, log),
        "csv": to_csv(rows),
        "md": to_markdown(paper, named, rows, log),
        "tex": to_latex(rows),
    }


def _check_use(table: pd.DataFrame, claims: Mapping[str, Claim], shown: str) -> None:
    """Refuse a table of which no claim could read a row."""
    refs = [ref for c in claims.values() for leaf in c.leaves if leaf.estimand
            for ref in leaf.estimand.refs()]  # fmt: skip
    known, found = {ref.experiment for ref in refs}, set(table["experiment"])
    if found and not found & known:
        raise unknown("experiment", sorted(found)[0], known, shown)
    keys = {key for ref in refs if ref.experiment in found for key in ref.selector} - {"run"}
    if keys and not keys & set(table):
        listed = ", ".join(sorted(keys))
        raise Refused(f"{shown}: the claims select arms by the columns {listed}; none is there")


def write_audit(folder: str | Path, texts: Mapping[str, str]) -> None:
    """Write ``audit.<suffix>`` for every text, each whole or not at all."""
    for suffix, text in texts.items():
        files.write_whole(Path(folder) / f"audit.{suffix}", text)


def _read_runs(path: str | Path) -> pd.DataFrame:
    # Values of a degenerate measurement may be NaN; names are text, whatever they look like.
    return read_table(path, finite=False)


def _read_plan(path: str | Path, paper: str, scale: str | None) -> dict[str, Any]:
    plan = read_plan(path)
    for key, wanted in (("paper", paper), ("scale", scale)):
        if wanted is not None and plan[key] != wanted:
            raise Refused(f"{path}: the plan's {key} is {plan[key]!r}, not {wanted!r}")
    return plan
