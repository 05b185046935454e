"""Make the tables of a paper, one an experiment, as CSV and Markdown."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from common.report import run_job, write_tables


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0, or 2 if the input was refused."""
    return run_job("python -m common.tables", __doc__, write_tables, argv)


if __name__ == "__main__":
    sys.exit(main())
