"""From a run table to one value a replicate, and from these to mean, spread and interval."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import stdtrit

LEVEL = 0.90  # of the intervals; the verdicts use the same
# Columns of the data behind a generic chart.
DATA_COLUMNS = ["kind", "run", "series", "x", "replicate", "value", "low", "high", "n", "source"]
DIVERGED = "run_diverged"
KEYS = ["run", "replicate", "metric"]


@dataclass(frozen=True)
class Estimate:
    """Mean of n replicates, their standard deviation, and the interval of the mean.

    `sd`, `low` and `high` are NaN below two replicates, `mean` below one.
    """

    n: int
    mean: float
    sd: float
    low: float
    high: float


def estimate(values: Iterable[float]) -> Estimate:
    """Return mean, standard deviation and the 90 % interval of the mean by Student's t.

    Parameters
    ----------
    values : iterable of float
        One value a replicate; NaN and None are left out.

    Examples
    --------
    >>> e = estimate([1.0, 2.0, 3.0])
    >>> e.n, e.mean, e.sd, round(e.low, 3), round(e.high, 3)
    (3, 2.0, 1.0, 0.314, 3.686)
    """
    sample = pd.Series(list(values), dtype=float).dropna()
    n = len(sample)
    mean = float(sample.mean()) if n else math.nan
    sd = float(sample.std(ddof=1)) if n > 1 else math.nan
    half = float(stdtrit(n - 1, (1 + LEVEL) / 2)) * sd / math.sqrt(n) if n > 1 else math.nan
    return Estimate(n, mean, sd, mean - half, mean + half)


def final_values(runs: pd.DataFrame, experiment: str) -> pd.DataFrame:
    """Return the value at the last logged step of every metric, one row a run and replicate.

    Parameters
    ----------
    runs : DataFrame
        A run table: at least ``experiment, run, replicate, step, split, metric, value``.
    experiment : str

    Returns
    -------
    DataFrame
        Columns ``run, replicate, metric, value``; `metric` as claims write it, ``test_error``.
    """
    rows = runs[runs["experiment"] == experiment]
    named = pd.DataFrame(
        {
            "run": rows["run"],
            "replicate": rows["replicate"].astype(int),
            "metric": rows["split"].astype(str) + "_" + rows["metric"].astype(str),
            "step": pd.to_numeric(rows["step"]),
            "value": pd.to_numeric(rows["value"], errors="coerce"),
        }
    )
    last = named.sort_values([*KEYS, "step"], kind="stable").drop_duplicates(KEYS, keep="last")
    return last[[*KEYS, "value"]].reset_index(drop=True)


def diverged(final: pd.DataFrame, run: str) -> list[int]:
    """Return the replicates of the arm `run` that are recorded as diverged."""
    rows = final[(final["run"] == run) & (final["metric"] == DIVERGED) & (final["value"] == 1)]
    return list(rows["replicate"])


def arm_values(final: pd.DataFrame, run: str, metric: str, data: object = None) -> pd.Series:
    """Return the values of `metric` for the arm `run`, indexed by replicate, missing ones left out.

    A replicate that diverged, or whose value is no finite number, counts at the chance level of
    the data set `data`, as in the verdicts; where no chance level is known it is left out.

    Parameters
    ----------
    final : DataFrame
        What `final_values` returned.
    run, metric : str
    data : str, optional
        The arm's data set.
    """
    own = final[final["run"] == run].pivot(index="replicate", columns="metric", values="value")
    values = own[metric].copy() if metric in own else pd.Series(math.nan, index=own.index)
    recorded = final[(final["run"] == run) & (final["metric"] == metric)]["replicate"]
    failed = own.index.isin(recorded) & ~np.isfinite(values) | own.index.isin(diverged(final, run))
    if failed.any():
        # Imported late: the statistics behind the verdicts take long to load and are seldom needed.
        from common.audit.runs import chance_level

        chance = chance_level(metric, data)
        values[failed] = math.nan if chance is None else chance
    return values.dropna()
