"""The files behind the data sets: are they there, and are they the right ones? Needs no torch."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from common import files, names
from common.errors import Refused, unknown

# Data sets that are folders of images: what must be there below DATA_ROOT, and where to get it.
FOLDERS = {
    "tiny_imagenet": (
        (
            "tiny-imagenet-200/train",
            "tiny-imagenet-200/val/images",
            "tiny-imagenet-200/val/val_annotations.txt",
        ),
        "unpack http://cs231n.stanford.edu/tiny-imagenet-200.zip there",
    ),
    "imagenet": (
        ("imagenet/train", "imagenet/val"),
        "register at https://image-net.org and lay the images out as <split>/<class>/*.JPEG there",
    ),
}

# md5 of the pixels (1797 x 64 bytes, values 0..16), then the labels (1797 bytes), of digits.
DIGITS = "7696c07daa6d85010f8268703ab8b067"
UNCHECKED = "unchecked"


def check(name: str) -> None:
    """Refuse the data set `name` unless its files lie below ``DATA_ROOT`` and are the right ones.

    Each file of `common.names.FILES` is compared by its md5. What was found right is remembered in
    the cache folder by size and time of change, so that a second check costs milliseconds. Of
    folders of images only the layout is checked; ``digits`` comes with scikit-learn.

    Raises
    ------
    Refused
        If the name is unknown, or a file is missing, unreadable, truncated or corrupt.
    """
    if name not in names.DATA:
        raise unknown("data set", name, names.DATA)
    root = files.data_root()
    remedy = f"`make data NAMES={name}` downloads it"
    for relative, md5 in names.FILES.get(name, {}).items():
        path = root / relative
        if not path.is_file():
            raise _refused(name, f"{relative} is missing", root, remedy)
        try:
            right = matches(path, md5)
        except OSError as error:
            raise _refused(name, f"{relative} cannot be read ({error})", root, remedy) from error
        if not right:
            size = path.stat().st_size
            problem = f"{relative} ({size} bytes) is truncated or corrupt, its md5 is not {md5}"
            raise _refused(name, problem, root, remedy)
    needed, remedy = FOLDERS.get(name, ((), ""))
    for relative in needed:
        if not (root / relative).exists():
            raise _refused(name, f"{relative} is missing", root, remedy)


def check_all(names_wanted: Iterable[str]) -> None:
    """Refuse unless every data set of `names_wanted` is there; one sentence names all that fail.

    Raises
    ------
    Refused
        With the first problem, and the other data sets that have one.
    """
    problems = {}
    for name in names_wanted:
        try:
            check(name)
        except Refused as problem:
            problems[name] = problem
    if problems:
        first, *others = problems
        more = f' (and {", ".join(others)}: `make data NAMES="{" ".join(problems)}"`)'
        raise Refused(f"{problems[first]}{more if others else ''}")


def _refused(name: str, problem: str, root: Path, remedy: str) -> Refused:
    return Refused(f"data set {name!r}: {problem} under DATA_ROOT ({root}); {remedy}")


def checksum(name: str) -> str:
    """Return one digest that stands for the content of the data set `name`; needs no files.

    It is the md5 of the listed md5s, in their order; for ``digits`` a constant that the loader
    compares with what scikit-learn gives; for sets without listed files ``"unchecked"``.

    Raises
    ------
    Refused
        If the name is unknown.
    """
    if name not in names.DATA:
        raise unknown("data set", name, names.DATA)
    if name == "digits":
        return DIGITS
    if name not in names.FILES:
        return UNCHECKED
    return hashlib.md5("\n".join(names.FILES[name].values()).encode()).hexdigest()


def matches(path: Path, md5: str) -> bool:
    """Return whether the file at `path` has this `md5`; remembered while it stays unchanged.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    state = _state(path)
    if _registry().get(os.path.abspath(path)) == [*state, md5]:
        return True
    with open(path, "rb") as file:
        right = hashlib.file_digest(file, "md5").hexdigest() == md5
    if right and _state(path) == state:
        remember(path, md5)
    return right


def remember(path: Path, md5: str) -> None:
    """Note that the file at `path`, as it is now, has this `md5`.

    A cache folder that cannot be written costs time later (the file is read again), nothing else.
    """
    with contextlib.suppress(OSError), locked(_registry_path()):
        known = _registry()
        known[os.path.abspath(path)] = [*_state(path), md5]
        files.write_json(_registry_path(), known)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of `path` (an empty file beside it): jobs that share a file take turns.

    The operating system frees the lock when its holder dies, so it cannot go stale.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.with_name(f".{path.name}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _state(path: Path) -> list[int]:
    status = os.stat(path)
    return [status.st_size, status.st_mtime_ns]


def _registry_path() -> Path:
    return files.CACHE / "verified.json"


def _registry() -> dict[str, list]:
    """Return path -> [size in bytes, time of change in ns, md5]; empty if there is none to read."""
    try:
        known = json.loads(_registry_path().read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
