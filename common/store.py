"""Finished runs, one small CSV each, under the digest of their spec. Standard library alone.

A stored table has the columns ``step,split,metric,value``; beside it lies a JSON file with what may
differ between machines (seconds, versions, device), so that the table itself is reproducible to
the byte.
"""

from __future__ import annotations

import csv
import fcntl
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from common.files import write_json, write_whole

COLUMNS = ("step", "split", "metric", "value")


class Row(NamedTuple):
    """One measurement of a run."""

    step: int
    split: str
    metric: str
    value: float


def table_path(store: str | Path, digest: str) -> Path:
    """Return where the table of the run `digest` lies in `store`."""
    return Path(store) / digest[:2] / f"{digest}.csv"


def find(digest: str, stores: Iterable[str | Path]) -> Path | None:
    """Return the table of the run `digest` in the first of `stores` that has it, else None."""
    paths = (table_path(store, digest) for store in stores)
    return next((path for path in paths if path.exists()), None)


def write_run(store: str | Path, digest: str, rows: Iterable[Row], about: dict) -> None:
    """Store the table of a run, and `about` it beside; values to ten significant digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((row.step, row.split, row.metric, f"{row.value:.10g}") for row in rows)
    path = table_path(store, digest)
    write_json(path.with_suffix(".json"), about)
    write_whole(path, text.getvalue())  # last: its presence says that the run is finished


def read_run(path: Path) -> list[list[str]]:
    """Return the rows of a stored table, as text, without the header.

    Raises
    ------
    ValueError
        If the header is not that of a stored table.
    """
    with open(path, newline="") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        if tuple(header) != COLUMNS:
            raise ValueError(f"{path.name}: columns {header}, expected {list(COLUMNS)}")
        return list(rows)


def checkpoint_path(store: str | Path, digest: str) -> Path:
    """Return where the run `digest` keeps its checkpoint until it is finished."""
    return table_path(store, digest).with_suffix(".ckpt")


def lock_path(store: str | Path, digest: str) -> Path:
    """Return the lock file of the run `digest`."""
    return table_path(store, digest).with_suffix(".lock")


def tidy(store: str | Path, digest: str) -> None:
    """Remove what the finished run `digest` no longer needs, a kill's leavings included.

    Only for a run whose table is stored: whoever takes its lock then finds nothing to do.
    """
    checkpoint = checkpoint_path(store, digest)
    checkpoints = [
        *checkpoint.parent.glob(f"{checkpoint.name}*"),  # a run of several trainings has several
        *checkpoint.parent.glob(f".{checkpoint.name}*"),  # temporary names
    ]
    for path in (*checkpoints, lock_path(store, digest)):
        if path.exists():  # asked first: a store that is only read may lie on a read-only disk
            path.unlink(missing_ok=True)


@contextmanager
def lock(path: Path, wait: bool = False) -> Iterator[bool]:
    """Hold the lock file at `path`; yields whether it was to be had. It ends with the process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)
