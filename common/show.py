"""Print the verdicts of a request and name the report: ``python -m common.show --config ...``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from common.errors import command
from common.files import RESULTS, ROOT
from common.plan import parse_config
from common.products import read_object
from common.report import summary
from common.suite import make_plan, settings
from common.verdicts import verdict_table


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0, or 2 if refused."""
    parser = argparse.ArgumentParser(prog="python -m common.show", description=__doc__)
    parser.add_argument("--config", nargs="*", default=[], metavar="KEY=VALUE")
    options = parser.parse_args(argv)
    plan = make_plan(settings(parse_config(options.config)))
    rows: list[dict] = []
    records: dict[str, str] = {}
    for path in plan.audits():
        rows += read_object(ROOT / path)["claims"]
        found = summary.records(RESULTS / "record", Path(path).parent.name)
        records |= {id_: f"{one.label} ({one.scale}, {one.date})" for id_, one in found.items()}
    asked = plan.request.claim
    print(verdict_table([row for row in rows if asked in (None, row["id"])], records=records))
    print(f"\nThe report, to open in a browser: {plan.report}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
