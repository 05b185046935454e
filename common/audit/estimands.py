"""From a run table to one value a replicate."""

from __future__ import annotations

import math

import numpy as np

from common.audit.runs import LEAST, NotTested, Read, Runs
from common.audit.statistics import (
    BOOTSTRAP_FROM,
    Evidence,
    Mean,
    Median,
    Proportion,
    Ratio,
    Spread,
)
from common.suite.claim_blocks import Estimand
from common.suite.claims import Claim
from common.suite.selectors import Ref


def sample(claim: Claim, estimand: Estimand, runs: Runs) -> tuple[Evidence, int, Read]:
    """Return the evidence of a sampled leaf, its number of replicates, and what was read.

    Raises
    ------
    NotTested
        If the runs are not there, or their values allow no such estimate.
    """
    arrays, read = runs.collect(estimand.refs())
    if estimand.choose:
        arrays = chosen(estimand, arrays, runs)
    n = len(arrays[0])
    if n < LEAST:
        raise NotTested(f"{n} replicates to judge on, at least {LEAST} are needed")
    if estimand.statistic == "spread":
        if np.ptp(arrays[1]) == 0:
            raise NotTested("no spread to compare with: the replicates are all equal")
        return Spread(arrays[0], arrays[1]), n, read
    values = _combined(estimand, arrays)
    if claim.kind == "proportion":
        return Proportion(_successes(claim, values)), n, read
    if estimand.statistic == "median":
        if n < BOOTSTRAP_FROM:
            raise NotTested(f"{n} replicates: a bootstrap needs at least {BOOTSTRAP_FROM}")
        return Median(values), n, read
    if estimand.over is not None:
        if not (values > 0).all() or not np.isfinite(values).all():
            raise NotTested("a ratio needs values above 0 in every replicate")
        return Ratio(values), n, read
    return Mean(values), n, read


def _combined(estimand: Estimand, arrays: list[np.ndarray]) -> np.ndarray:
    """Return one number a replicate from the arms' values, in the order of `Estimand.refs`."""
    if estimand.terms:
        split = len(estimand.terms)
        total = _sum(estimand.terms, arrays[:split])
        if not estimand.per:
            return total
        below = _sum(estimand.per, arrays[split:])
        if (below == 0).any():
            raise NotTested("the denominator is 0 in a replicate")
        return total / below
    if estimand.minus is not None:
        return arrays[0] - arrays[1]
    if estimand.over is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            return arrays[0] / arrays[1]
    return arrays[0]


def _sum(terms, arrays: list[np.ndarray]) -> np.ndarray:
    return sum(term.times * values for term, values in zip(terms, arrays, strict=True))


def chosen(estimand: Estimand, arrays: list[np.ndarray], runs: Runs) -> list[np.ndarray]:
    """Return the best arm of the grid and the arms beside it, on the half that did not choose.

    The first half of the replicates (rounded down) chooses, by the mean; the rest is returned.
    """
    choose = estimand.choose
    assert choose is not None
    size = len(choose.grid)
    half = len(arrays[0]) // 2
    judged_by = arrays[:size]
    if choose.metric:
        refs = estimand.refs()[:size]
        by = [Ref(ref.experiment, choose.metric, ref.step, ref.selector) for ref in refs]
        judged_by, _ = runs.collect(by)
    means = [values[:half].mean() for values in judged_by]
    best = int(np.argmin(means) if choose.best == "lowest" else np.argmax(means))
    return [values[half:] for values in (arrays[best], *arrays[size:])]


def _successes(claim: Claim, values: np.ndarray) -> np.ndarray:
    if claim.success is not None:
        low = -math.inf if claim.success.at_least is None else claim.success.at_least
        high = math.inf if claim.success.at_most is None else claim.success.at_most
        return ((values >= low) & (values <= high)).astype(float)
    if not np.isin(values, (0.0, 1.0)).all():
        raise NotTested("a proportion needs values 0 or 1, or `success:` to say what counts")
    return values


def worst(claim: Claim, estimand: Estimand, runs: Runs) -> tuple[float, int, Read]:
    """Return of an `exact` leaf the value furthest from the centre, of how many, what was read.

    Raises
    ------
    NotTested
        If the runs are not there.
    """
    if estimand.every is None:
        arrays, read = runs.collect(estimand.refs(), least=1)
        values = _combined(estimand, arrays)
    else:
        (ref,) = estimand.refs()
        found, read = [], Read()
        for run in runs.resolve(ref):
            one = Ref(ref.experiment, ref.metric, ref.step, {"run": run})
            arrays, own = runs.collect([one], least=1)
            found.append(arrays[0])
            read.arms |= own.arms
            read.diverged += own.diverged
        values = np.concatenate(found)
    return float(values[np.argmax(np.abs(values - claim.centre))]), len(values), read
