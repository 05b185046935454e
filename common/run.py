"""Do the runs of a block or a single arm: ``python -m common.run SPEC --store DIR [--out TABLE]``.

Needs torch, numpy, safetensors (and scikit-learn for digits) alone, on CPU or GPU. A run that the
store holds already is skipped, an interrupted one goes on from its checkpoint. The tables in DIR
can be carried to another machine's store.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from common import store as stores
from common.errors import Refused, command
from common.files import write_whole
from common.process import die_with


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0, 1 if a run failed, 2 if refused."""
    parser = argparse.ArgumentParser(prog="python -m common.run", description=__doc__)
    parser.add_argument("spec", type=Path, help="a file of results/<scale>/specs/")
    parser.add_argument("--store", type=Path, required=True, help="where finished runs are kept")
    parser.add_argument("--reuse", type=Path, nargs="*", default=[], help="stores only read")
    parser.add_argument("--out", type=Path, help="write the runs' tables here, as one CSV")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1; auto: a GPU if any")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (1: reproducible)")
    parser.add_argument("--no-train", action="store_true", help="only collect what is stored")
    parser.add_argument("--parent", type=int, help="end with this process")
    options = parser.parse_args(argv)
    die_with(options.parent)
    runs = read_spec(options.spec)
    failed = 0 if options.no_train else do(runs, options)
    if options.out and not failed:
        collect(runs, [options.store, *options.reuse], options.out)
    return 1 if failed else 0


def read_spec(path: Path) -> list[dict]:
    """Return the runs of the spec at `path`.

    Raises
    ------
    Refused
        If there is no such file or it is no spec.
    """
    try:
        runs = json.loads(path.read_text())["runs"]
        if not all(re.fullmatch("[0-9a-f]{20}", run["digest"]) for run in runs):
            raise ValueError("a digest is 20 hexadecimal digits")
    except FileNotFoundError:
        raise Refused(f"{path}: no such file; it is written when Snakemake starts") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(f"{path}: not a spec of results/<scale>/specs/ ({error!r})") from None
    return runs


def do(runs: list[dict], options: argparse.Namespace) -> int:
    """Do those of `runs` that no store holds; return how many failed."""
    places = [options.store, *options.reuse]
    waiting = [run for run in runs if not stores.find(run["digest"], places)]
    failed = _work_off(waiting, options) if waiting else 0
    for run in runs:
        if stores.find(run["digest"], [options.store]):
            stores.tidy(options.store, run["digest"])
    return failed


def _work_off(waiting: list[dict], options: argparse.Namespace) -> int:
    """Do the runs that are `waiting`, those that another process is doing last; count failures."""
    # Imported late: a block whose runs are all stored never loads torch.
    from common.procedures import execute, prepare

    device = prepare(options.device, options.threads)
    failed, wait = 0, False
    while waiting:
        busy = []
        for run in waiting:
            with stores.lock(stores.lock_path(options.store, run["digest"]), wait=wait) as held:
                if not held:
                    busy.append(run)
                elif not stores.find(run["digest"], [options.store]):
                    failed += not _do_one(run, device, execute, options.store)
        waiting, wait = busy, True
    return failed


def _do_one(run: dict, device, execute, store: Path) -> bool:
    start = time.monotonic()
    try:
        rows, about = execute(run, stores.checkpoint_path(store, run["digest"]), device)
    except Refused as refusal:
        print(f"error: run {run['digest']}: {refusal}", file=sys.stderr)
        return False
    except Exception:
        print(f"run {run['digest']} failed:", file=sys.stderr)
        traceback.print_exc()
        return False
    about["seconds"] = round(time.monotonic() - start, 3)
    stores.write_run(store, run["digest"], rows, about)
    stores.tidy(store, run["digest"])
    print(f"run {run['digest']} done in {about['seconds']:.1f} s", file=sys.stderr, flush=True)
    return True


def collect(runs: list[dict], places: list[Path], out: Path) -> None:
    """Write the stored tables of `runs` to `out` as one CSV, each row led by its run's digest."""
    lines = [",".join(("digest", *stores.COLUMNS))]
    for run in runs:
        path = stores.find(run["digest"], places)
        if path:
            lines += [",".join((run["digest"], *row)) for row in stores.read_run(path)]
    write_whole(out, "\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
