"""The command line that the table job and the figure job share."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from common import files
from common.errors import command, unknown
from common.products import PUBLISHED_COLUMNS, read_plan, read_published
from common.report.runs import read_runs, stored_runs


@command
def run_job(
    program: str,
    about: str | None,
    write: Callable[..., None],
    argv: Sequence[str] | None,
) -> int:
    """Parse, read, write; return the exit status: 0, or 2 if the input was refused.

    `write` is called as ``write(plan, experiments, runs, published, out)``.
    """
    parser = argparse.ArgumentParser(prog=program, description=about)
    parser.add_argument("--results", type=Path, help="holds <paper>/plan.json; with --paper")
    parser.add_argument("--paper", help="its name, which the paths below default from")
    parser.add_argument("--plan", type=Path, help="the paper's plan.json")
    parser.add_argument("--published", type=Path, help="the paper's published.csv")
    parser.add_argument("--out", type=Path, help="the paper's results, which are added to")
    parser.add_argument("--experiments", default="", help="comma-separated; default: all")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--runs", type=Path, help="the paper's run table")
    source.add_argument("--stores", type=Path, nargs="+", help="folders of finished runs")
    options = parser.parse_args(argv)
    if options.results and options.paper:
        folder = options.results / options.paper
        options.plan = options.plan or folder / "plan.json"
        options.out = options.out or folder
    if not (options.plan and options.out):
        parser.error("give --plan and --out, or --results and --paper")
    plan = read_plan(options.plan)
    names = chosen(plan, options.experiments)
    runs = read_runs(options.runs) if options.runs else stored_runs(plan, names, options.stores)
    write(plan, names, runs, _published(plan, options.published), options.out)
    return 0


def _published(plan: dict, path: Path | None) -> pd.DataFrame:
    """Return the published numbers in `path`, or the paper's own; a paper may have none."""
    own = files.PAPERS / plan["paper"] / "published.csv"
    if path is None and not own.exists():
        return pd.DataFrame(columns=PUBLISHED_COLUMNS, dtype=str)
    return read_published(path or own)


def chosen(plan: dict, experiments: str) -> list[str]:
    """Return the experiments named in the comma-separated `experiments`; empty: all of the plan.

    Raises
    ------
    Refused
        If one is not in the plan.
    """
    names = [name.strip() for name in experiments.split(",") if name.strip()]
    for name in names:
        if name not in plan["experiments"]:
            raise unknown("experiment", name, plan["experiments"], "--experiments")
    return names or list(plan["experiments"])
