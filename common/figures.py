"""Make the figures of a paper, one an experiment, as SVG and PNG with the data behind."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from common.report import run_job, write_figures


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0, or 2 if the input was refused."""
    return run_job("python -m common.figures", __doc__, write_figures, argv)


if __name__ == "__main__":
    sys.exit(main())
