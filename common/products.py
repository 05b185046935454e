"""Reading plans, published numbers and tables that earlier steps wrote; faults are refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from common.cells import is_number
from common.errors import Refused

PUBLISHED_COLUMNS = (
    *("source", "experiment", "run", "model", "data", "criterion", "density", "metric"),
    *("value", "spread", "n", "unit", "origin", "note"),
)


def read_plan(path: str | Path) -> dict:
    """Return a paper's ``plan.json``.

    Raises
    ------
    Refused
        If it is no JSON object with ``paper`` and ``experiments``, or a name could not stand in a
        file name.
    """
    plan = read_object(path)
    for key in ("paper", "scale", "experiments"):
        if key not in plan:
            raise Refused(f"{path}: the key {key!r} is missing")
    for name in (plan["paper"], plan["scale"], *plan["experiments"]):
        if not re.fullmatch(r"[a-z0-9_]+", str(name)):
            raise Refused(f"{path}: the name {name!r} must be made of a-z, 0-9 and _")
    return plan


def read_object(path: str | Path) -> dict:
    """Return the JSON object in `path`.

    Raises
    ------
    Refused
        If the file is missing or holds anything but a JSON object.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Refused(f"{path}: there is no such file") from None
    except ValueError as error:
        raise Refused(f"{path}: not JSON ({error})") from None
    if not isinstance(content, dict):
        raise Refused(f"{path}: must hold a JSON object, not {type(content).__name__}")
    return content


def read_published(path: str | Path) -> pd.DataFrame:
    """Return published numbers, every cell as text and empty where nothing is known.

    Raises
    ------
    Refused
        If the file is missing, lacks a column, a value is no number, or a row's origin is neither
        found nor recalled.
    """
    table = read_csv(path, PUBLISHED_COLUMNS, dtype=str, keep_default_na=False)
    for origin in table["origin"]:
        if origin != "recalled" and not origin.startswith("found:"):
            raise Refused(f"{path}: origin {origin!r} must be 'recalled' or 'found:<where>'")
    for value in table["value"]:
        if value and not is_number(value):
            raise Refused(f"{path}: value {value!r} must be a number, or empty where none is known")
    return table


def read_csv(path: str | Path, columns: Iterable[str], **options: Any) -> pd.DataFrame:
    """Return the CSV table in `path`, read by pandas with `options`.

    Raises
    ------
    Refused
        If the file is missing, is no table, or lacks one of `columns`.
    """
    try:
        table = pd.read_csv(path, **options)
    except FileNotFoundError:
        raise Refused(f"{path}: there is no such file") from None
    except (pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        raise Refused(f"{path}: no CSV table ({error})") from None
    missing = [column for column in columns if column not in table]
    if missing:
        raise Refused(f"{path}: the column {missing[0]!r} is missing")
    return table
