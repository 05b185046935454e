"""Print the verdicts of a request and name the report: ``python -m common.show --config ...``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from common.errors import command
from common.files import ROOT
from common.plan import parse_config
from common.report.verdicts import verdict_table
from common.suite import make_plan, settings


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0, or 2 if refused."""
    parser = argparse.ArgumentParser(prog="python -m common.show", description=__doc__)
    parser.add_argument("--config", nargs="*", default=[], metavar="KEY=VALUE")
    options = parser.parse_args(argv)
    plan = make_plan(settings(parse_config(options.config)))
    print(verdict_table([ROOT / path for path in plan.audits()]))
    print(f"\nThe report, to open in a browser: {plan.report}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
