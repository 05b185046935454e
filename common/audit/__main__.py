"""Judge a paper's claims: ``python -m common.audit --paper P --runs R --plan L --out DIR``.

Or a run table of your own, against the claims of a paper: ``--paper P --table my.csv``. What such
a table holds is described in common/audit/submitted.py.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from common import files
from common.audit.files import audit_files, write_audit
from common.errors import command
from common.verdicts import verdict_table


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0, or 2 if the input was refused."""
    parser = argparse.ArgumentParser(prog="python -m common.audit", description=__doc__)
    parser.add_argument("--paper", required=True, help="the name of a folder of papers/")
    parser.add_argument("--scale", help="the scale that the plan must be of")
    tables = parser.add_mutually_exclusive_group(required=True)
    tables.add_argument("--runs", help="the paper's runs.csv; goes with --plan")
    tables.add_argument("--table", help="a run table of your own")
    parser.add_argument("--plan", help="the paper's plan.json")
    parser.add_argument("--claims", help="default: papers/<paper>/claims.yaml")
    parser.add_argument(
        "--published", help="default: papers/<paper>/published.csv, if there is one"
    )
    parser.add_argument(
        "--out", type=Path,
        help="folder for audit.json, .csv, .md and .tex; of --table: results/submitted/...",
    )  # fmt: skip
    options = parser.parse_args(argv)
    if bool(options.runs) != bool(options.plan):
        parser.error("--runs goes with --plan; a table of your own is given as --table")
    texts = audit_files(
        options.paper, options.runs or options.table, options.plan, options.claims,
        options.published, options.scale,
    )  # fmt: skip
    if options.table:
        name = re.sub(r"[^a-z0-9]+", "_", Path(options.table).stem.lower()).strip("_") or "table"
        options.out = options.out or files.RESULTS / "submitted" / f"{options.paper}_{name}"
        rows = json.loads(texts["json"])["claims"]
        print(verdict_table(rows, decided_first=True))
        print(f"\nThe whole audit: {os.path.relpath(options.out)}/audit.md (.csv, .json, .tex)")
    if options.out:
        write_audit(options.out, texts)
    else:
        print(texts["md"], end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
