"""Run tables as they come from outside: what is refused, and why.

A table of one's own is a CSV file in UTF-8, one row a measurement, with the columns

- ``experiment``: the name in the paper's experiments.yaml that the claims use;
- ``run``: the arm, such as ``snip_0_05``;
- ``replicate``: 0, 1, 2, ...; the same number in two arms is compared as a pair;
- ``split``, ``metric``: such as ``test`` and ``error``; a claim's ``test_error`` is these two;
- ``value``: a finite number; errors and accuracies in points, 0 to 100;

and, where wanted, ``step`` (default 0; the last one is judged), ``paper``, ``condition`` (``paper``
or ``proxy``; without it the verdicts are of no stated condition) and the settings that the claims
select arms by, with dotted names: ``criterion``, ``density``, ``scoring.batch``. A run that
diverged has a row (run, diverged, 1). Names are made of letters, digits and ``_ . : -``; other text
has no markup.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from common.errors import Refused

REQUIRED = ("experiment", "run", "replicate", "split", "metric", "value")
MOST_BYTES = 200 * 1024**2
NAME = re.compile(r"[A-Za-z0-9_]+")
METRIC = re.compile(r"[A-Za-z0-9_.:-]+")
MARKUP = re.compile(r"[<>`\x00-\x08\x0b-\x1f]|&#|\]\(")


def read_table(path: str | Path, finite: bool = True) -> pd.DataFrame:
    """Return the run table in the CSV file at `path`, checked; `finite` as in `check_table`.

    Raises
    ------
    Refused
        If the file is missing, larger than 200 MB, no CSV table, or `check_table` refuses it.
    """
    path = Path(path)
    shown = path.name
    if not path.is_file():
        raise Refused(f"{shown}: there is no such file")
    if path.stat().st_size > MOST_BYTES:
        size = path.stat().st_size / 1024**2
        raise Refused(f"{shown}: {size:.0f} MB, at most {MOST_BYTES // 1024**2} MB are read")
    try:
        head = pd.read_csv(path, nrows=0, encoding="utf-8")
        text = [name for name in ("paper", "experiment", "run", "split", "metric") if name in head]
        # Empty and NaN alone are missing: an arm may be called none or null.
        missing = {name: ["", "nan", "NaN"] for name in head.columns if name not in text}
        table = pd.read_csv(
            path, dtype=dict.fromkeys(text, str), keep_default_na=False, na_values=missing,
            encoding="utf-8", low_memory=False,
        )  # fmt: skip
    except UnicodeDecodeError:
        raise Refused(f"{shown}: not a text file in UTF-8") from None
    except (pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        raise Refused(f"{shown}: no CSV table ({str(error).strip()})") from None
    return check_table(table, shown, finite)


def check_table(table: pd.DataFrame, shown: str = "run table", finite: bool = True) -> pd.DataFrame:
    """Return `table` with every column the audit reads, in the type it reads it.

    Parameters
    ----------
    table : DataFrame
        As the module describes; not changed.
    shown : str
        What refusals call it.
    finite : bool
        Whether values must be numbers, unless the run is recorded as diverged.

    Raises
    ------
    Refused
        If a column is missing; a name, replicate, step or value is not allowed; a text holds
        markup; or a run has two values of a metric at one step.
    """
    for column in REQUIRED:
        if column not in table:
            raise Refused(f"{shown}: the column {column!r} is missing")
    table = table.reset_index(drop=True).copy()
    if "step" not in table:
        table["step"] = 0
    for column in table.columns:
        _check_text(table[column], column, shown)
    for column in ("experiment", "run"):
        _check_names(table[column], column, NAME, "letters, digits and _", shown)
    for column in ("split", "metric"):
        _check_names(table[column], column, METRIC, "letters, digits and _ . : -", shown)
    for column in ("replicate", "step"):
        numbers = pd.to_numeric(table[column], errors="coerce")
        bad = numbers.isna() | (numbers < 0) | (numbers != np.floor(numbers))
        _refuse(table, column, bad, "must be a whole number from 0", shown)
        table[column] = numbers.astype(int)
    if "condition" in table:
        stated = table["condition"].fillna("").isin(["", "paper", "proxy"])
        _refuse(table, "condition", ~stated, "must be paper or proxy", shown)
    values = pd.to_numeric(table["value"], errors="coerce")
    points = table["metric"].str.endswith(("error", "accuracy"))
    outside = points & np.isfinite(values) & ((values < 0) | (values > 100))
    _refuse(table, "value", outside, "must lie in 0..100: it is in points", shown)
    bad = ~np.isfinite(values)
    if finite and bad.any():
        diverged = (table["split"] == "run") & (table["metric"] == "diverged") & (values == 1)
        keys = ["experiment", "run", "replicate"]
        failed = pd.MultiIndex.from_frame(table.loc[diverged, keys])
        bad &= ~pd.MultiIndex.from_frame(table[keys]).isin(failed)
        must = "must be a finite number (or the run recorded as diverged)"
        _refuse(table, "value", bad, must, shown)
    table["value"] = values
    once = ["experiment", "run", "replicate", "step", "split", "metric"]
    if "paper" in table:
        once.insert(0, "paper")
    table = table.drop_duplicates([*once, "value"], ignore_index=True)
    _refuse(table, "metric", table.duplicated(once), "has two values in one run and step", shown)
    return table


def _check_text(column: pd.Series, name: str, shown: str) -> None:
    if MARKUP.search(str(name)):
        raise Refused(f"{shown}: the column {str(name)[:40]!r} holds markup, which no name needs")
    if pd.api.types.is_numeric_dtype(column):
        return
    for value in column.dropna().unique():
        if isinstance(value, str) and MARKUP.search(value):
            raise Refused(f"{shown}: {name} {value[:40]!r} holds markup, which no cell needs")


def _check_names(
    column: pd.Series, name: str, pattern: re.Pattern, made_of: str, shown: str
) -> None:
    for value in column.unique():
        if not isinstance(value, str) or not pattern.fullmatch(value) or len(value) > 200:
            text = f"{name} {str(value)[:40]!r} must be made of {made_of}"
            raise Refused(f"{shown}: {text} (200 at most)")


def _refuse(table: pd.DataFrame, column: str, bad: pd.Series, must: str, shown: str) -> None:
    if bad.any():
        row = int(np.argmax(bad.to_numpy()))
        given = table[column].iloc[row]
        raise Refused(f"{shown}: row {row + 2}: {column} {str(given)[:40]!r} {must}")
