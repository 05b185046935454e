"""Copy what is finished to results/record/<scale>: ``python -m common.record --config scale=cpu``.

Run by ``make record`` after tables, figures, audit and report were made of the stored runs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from common.errors import command
from common.plan import parse_config
from common.report.recording import record
from common.suite import make_plan, settings


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0, or 2 if refused."""
    parser = argparse.ArgumentParser(prog="python -m common.record", description=__doc__)
    parser.add_argument("--config", nargs="*", default=[], metavar="KEY=VALUE")
    options = parser.parse_args(argv)
    plan = make_plan(settings(parse_config(options.config)))
    print(record(plan))
    return 0


if __name__ == "__main__":
    sys.exit(main())
