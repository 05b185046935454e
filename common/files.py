"""Files that appear whole or not at all, and where the suite's folders are."""

from __future__ import annotations

import json
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAPERS = ROOT / "papers"
RESULTS = ROOT / "results"
CACHE = ROOT / ".cache"


def data_root() -> Path:
    """Return the folder with the image data sets: ``DATA_ROOT``, or ``data/`` in the project."""
    return Path(os.environ.get("DATA_ROOT") or ROOT / "data")


def temporary(path: str | Path) -> Path:
    """Return the fixed temporary name beside `path`; a rerun overwrites what a kill left there."""
    path = Path(path)
    return path.with_name(f".{path.name}.tmp")


def write_whole(path: str | Path, content: str | bytes) -> None:
    """Write `content` (text as UTF-8) under a temporary name in the same folder, then rename it.

    Raises
    ------
    OSError
        If the folder cannot be written; the old file, if any, is then untouched.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(temporary(path), "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary(path), path)


def write_json(path: str | Path, content: object) -> None:
    """Write `content` as indented JSON, whole or not at all; NaN is refused."""
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    write_whole(path, text + "\n")
