"""Write the report: ``python -m common.report --scale S --papers a,b --results DIR --out FILE``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from common import files
from common.errors import command
from common.report.page import report_page


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0, or 2 if the input was refused."""
    parser = argparse.ArgumentParser(prog="python -m common.report", description=__doc__)
    parser.add_argument("--scale", required=True, help="the scale's name, shown on the page")
    parser.add_argument("--papers", required=True, help="comma-separated, in the page's order")
    parser.add_argument("--results", required=True, help="holds a folder for each paper")
    parser.add_argument("--record", default=files.RESULTS / "record", help="results of record")
    parser.add_argument("--published", default=files.PAPERS, help="holds <paper>/published.csv")
    parser.add_argument("--out", required=True, help="the HTML file")
    options = parser.parse_args(argv)
    names = [name for name in options.papers.split(",") if name]
    page = report_page(options.scale, names, options.results, options.record, options.published)
    files.write_whole(options.out, page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
