"""Try a criterion: ``python -m common.battery --criterion NAME|file.py:function [--out DIR]``."""

from __future__ import annotations

import argparse
import csv
import io
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from common.errors import Refused, command
from common.files import RESULTS, write_whole


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0, or 2 if the input was refused."""
    parser = argparse.ArgumentParser(prog="python -m common.battery", description=__doc__)
    parser.add_argument("--criterion", required=True, help="a name, or file.py:function")
    parser.add_argument("--replicates", type=int, default=5, help="trainings of each kind")
    parser.add_argument("--out", type=Path, help="default: results/battery/<criterion>")
    parser.add_argument("--beside", type=Path, default=RESULTS / "record/battery",
                        help="findings of other criteria, shown beside")  # fmt: skip
    options = parser.parse_args(argv)
    if options.replicates < 3:
        raise Refused(f"--replicates {options.replicates}: at least 3, for an interval")
    import torch

    from common.battery import TRIALS, Finding, Subject
    from common.battery.page import page, read_findings

    if ".py" in options.criterion:
        print(f"running the code in {options.criterion.partition(':')[0]}", file=sys.stderr)
    torch.set_num_threads(1)
    subject = Subject.of(options.criterion, options.replicates)
    beside = read_findings(options.beside, without=subject.name)
    out = options.out or RESULTS / "battery" / re.sub(r"[^a-z0-9_]+", "_", subject.name.lower())
    findings: list[Finding] = []
    for test in TRIALS:
        begun = time.monotonic()
        findings += test(subject)
        print(f"{test.__name__}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([Finding._fields, *findings])
    write_whole(out / "findings.csv", text.getvalue())
    write_whole(out / "battery.html", page(subject, read_findings(out), beside))
    print(f"The page: {out / 'battery.html'}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
