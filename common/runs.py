"""Put a paper's finished runs together as runs.csv, one row a measurement."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from common.errors import command
from common.files import write_whole
from common.products import read_plan
from common.report import stored_runs


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0, or 2 if the input was refused."""
    parser = argparse.ArgumentParser(prog="python -m common.runs", description=__doc__)
    parser.add_argument("--results", type=Path, required=True, help="holds <paper>/plan.json")
    parser.add_argument("--paper", required=True)
    parser.add_argument("--stores", type=Path, nargs="+", required=True)
    options = parser.parse_args(argv)
    folder = options.results / options.paper
    plan = read_plan(folder / "plan.json")
    runs = stored_runs(plan, plan["experiments"], options.stores)
    write_whole(folder / "runs.csv", runs.to_csv(index=False, float_format="%.10g"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
