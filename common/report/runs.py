"""Run tables: read from a file, or put together from the stores of finished runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from common import store
from common.products import read_csv
from common.report.cells import setting

COLUMNS = ("experiment", "run", "replicate", "step", "split", "metric", "value")
TEXT_COLUMNS = ("paper", "experiment", "run", "condition", "split", "metric")


def read_runs(path: str | Path) -> pd.DataFrame:
    """Return a run table; the settings' columns keep whatever type pandas finds.

    An arm may be called ``none`` or ``null``: names are text, whatever they look like.

    Raises
    ------
    Refused
        If the file is missing or a column of the schema is.
    """
    header = read_csv(path, COLUMNS, nrows=0).columns
    missing = {name: ["", "nan", "NaN"] for name in header if name not in TEXT_COLUMNS}
    types = dict.fromkeys(TEXT_COLUMNS, str)
    options = {"dtype": types, "keep_default_na": False, "na_values": missing}
    return read_csv(path, COLUMNS, low_memory=False, **options)


def stored_runs(
    plan: Mapping, experiments: Iterable[str], stores: Iterable[str | Path]
) -> pd.DataFrame:
    """Return the run table of `experiments` from the runs that `stores` hold; others are left out.

    Parameters
    ----------
    plan : mapping
        A paper's plan; an arm lists the digest of each replicate's run.
    experiments : iterable of str
    stores : iterable of path
        Searched in this order.

    Returns
    -------
    DataFrame
        ``paper, experiment, run, replicate, condition``, the flat settings, then
        ``step, split, metric, value``.
    """
    places = list(stores)
    arms = [
        (experiment, run, arm)
        for experiment in experiments
        for run, arm in plan["experiments"][experiment]["arms"].items()
    ]
    keys = dict.fromkeys(key for _, _, arm in arms for key in arm["settings"])
    rows: list[list[object]] = []
    for experiment, run, arm in arms:
        settings = [_cell(arm["settings"].get(key)) for key in keys]
        for replicate, digest in enumerate(arm["digests"]):
            path = store.find(digest, places)
            if path is None:
                continue
            head = [plan["paper"], experiment, run, replicate, arm["condition"], *settings]
            for step, split, metric, value in store.read_run(path):
                rows.append([*head, int(step), split, metric, float(value)])
    columns = ["paper", "experiment", "run", "replicate", "condition", *keys, *store.COLUMNS]
    return pd.DataFrame(rows, columns=columns)


def _cell(value: object) -> object:
    return setting(value) if isinstance(value, list) else value
