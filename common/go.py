"""``python -m common.go [snakemake's arguments]``: hold the results folder, then be Snakemake.

A second one waits for the first; every job dies with it. ``make results`` is one call of this.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from common.process import die_with


def main() -> None:
    """Take the lock, keep it across exec, and become Snakemake."""
    die_with(os.getppid())
    from common.suite.start import hold

    os.set_inheritable(hold(wait=True), True)
    os.environ["SUITE_LOCKED"] = "1"
    snakemake = Path(sys.executable).parent / "snakemake"
    os.execv(snakemake, [str(snakemake), *sys.argv[1:]])


if __name__ == "__main__":
    main()
