"""Start a paper: copy `papers/_template` under its name, ready to run."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from common import files
from common.errors import Refused, command
from common.suite import yaml
from common.suite.experiments import RESERVED

MOST_LETTERS = 40
NAME, PREFIX = "my_paper", "PAPER"  # stand in the template for the name and the claims' prefix
NEXT = """\
papers/{name}/ is there, and runs as it is:
  make plan PAPERS={name}      what would run, how long it takes, what it can decide
  make results PAPERS={name}   everything once, on small embedded data
Then write, in this order:
  papers/{name}/experiments.yaml   citation, and an entry for each figure or table
  papers/{name}/claims.yaml        what the paper says, as {prefix}-01, {prefix}-02, ...
  papers/{name}/published.csv      its printed numbers and where each was found
  papers/{name}/README.md          readings, traps, what cannot be judged"""


def claim_prefix(name: str) -> str:
    """Return what the claims of the paper `name` are called: its letters and digits, upper case.

    Raises
    ------
    Refused
        If `name` holds no letter; digits in front of the first are left out.

    Examples
    --------
    >>> claim_prefix("lottery_tickets_2")
    'LOTTERYTICKETS2'
    """
    prefix = name.replace("_", "").lstrip("0123456789").upper()
    if not prefix:
        raise Refused(f"paper {name!r} must hold a letter, to name its claims by")
    return prefix


def new_paper(name: str, papers: Path = files.PAPERS) -> Path:
    """Copy the template in `papers` to `papers`/`name`, whole or not at all, and return the folder.

    Raises
    ------
    Refused
        If the name is empty or long, not made of a-z, 0-9 and _ alone, without a letter, taken by a
        folder of the results, taken by a paper, or gives claims the ids of another paper's.
    """
    if not name:
        raise Refused("the paper needs a name: make new-paper NAME=my_paper")
    yaml.check_name(name, "paper", "NAME")
    if len(name) > MOST_LETTERS:
        raise Refused(f"paper {name[:20]!r}...: a name has at most {MOST_LETTERS} characters")
    prefix = claim_prefix(name)
    if name in RESERVED:
        raise Refused(f"paper {name!r}: the name is taken by a folder of results/<scale>/")
    folder = papers / name
    if folder.exists():
        raise Refused(f"paper {name!r}: papers/{name} exists already")
    for other in sorted(papers.glob("*/claims.yaml")):
        taken = {str(key).rpartition("-")[0] for key in yaml.read(other)}
        if prefix in taken and other.parent.name != "_template":
            raise Refused(
                f"paper {name!r}: its claims would be called {prefix}-01 and so on, as those of"
                f" papers/{other.parent.name}"
            )
    # One level deeper than a paper: what a kill leaves there is not taken for one.
    staging = papers / ".new"
    made = staging / name
    shutil.rmtree(staging, ignore_errors=True)
    made.mkdir(parents=True)
    for source in sorted((papers / "_template").iterdir()):
        if source.is_file():
            text = source.read_text(encoding="utf-8")
            text = text.replace(NAME, name).replace(PREFIX, prefix)
            files.write_whole(made / source.name, text)
    os.rename(made, folder)
    staging.rmdir()
    return folder


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0, or 2 if the name was refused."""
    parser = argparse.ArgumentParser(prog="python -m common.new_paper", description=__doc__)
    parser.add_argument("name", help="made of a-z, 0-9 and _, short and stable, such as snip")
    name = parser.parse_args(argv).name
    new_paper(name)
    print(NEXT.format(name=name, prefix=claim_prefix(name)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
