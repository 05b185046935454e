"""Say what a request would run, how long it takes here, and what it can decide.

``python -m common.plan [--config scale=cpu papers=snip ...] [--specs DIR]``; with ``--specs`` the
specs of the blocks are written to DIR, for machines that have torch and no Snakemake.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from common.errors import Refused, command
from common.suite import make_plan, settings, write_specs


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0, or 2 if refused."""
    parser = argparse.ArgumentParser(prog="python -m common.plan", description=__doc__)
    parser.add_argument("--config", nargs="*", default=[], metavar="KEY=VALUE")
    parser.add_argument("--specs", type=Path, help="write specs/<digest>.json below this folder")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(argv)
    from common.report.planned import planned_page

    plan = make_plan(settings(parse_config(options.config)))
    if options.specs:
        write_specs(plan, options.specs)
    print(planned_page(plan, options.cores))
    return 0


def parse_config(pairs: Sequence[str]) -> dict[str, str]:
    """Return ``KEY=VALUE`` texts as a mapping, as Snakemake's ``--config`` reads them.

    Raises
    ------
    Refused
        If a text has no equals sign.
    """
    config = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise Refused(f"--config {pair}: must be KEY=VALUE")
        config[key] = value
    return config


if __name__ == "__main__":
    sys.exit(main())
