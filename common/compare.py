"""Set a fresh run beside the record: ``python -m common.compare --scale cpu``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from common.errors import Refused, command, unknown
from common.files import RESULTS, write_whole
from common.report.comparison import compare, shown
from common.suite.experiments import scale_names


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return 0 if all agrees, 1 if not, 2 if refused."""
    parser = argparse.ArgumentParser(prog="python -m common.compare", description=__doc__)
    parser.add_argument("--scale", default="smoke")
    options = parser.parse_args(argv)
    if options.scale not in scale_names():
        raise unknown("scale", options.scale, scale_names(), "--scale")
    fresh, record = RESULTS / options.scale, RESULTS / "record" / options.scale
    if not fresh.is_dir():
        made = f"`make results SCALE={options.scale}` makes it"
        raise Refused(f"results/{options.scale}: there is no such folder; {made}")
    if not record.is_dir():
        raise Refused(f"results/record/{options.scale}: nothing of this scale is on record")
    verdicts, numbers = compare(fresh, record)
    write_whole(fresh / "compare.csv", numbers.to_csv(index=False, float_format="%.6g"))
    print(shown(verdicts, numbers))
    comparable = numbers[numbers["same_settings"]]
    return 0 if verdicts.empty and comparable["agrees"].all() else 1


if __name__ == "__main__":
    sys.exit(main())
