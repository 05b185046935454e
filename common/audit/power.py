"""Planned power: how likely a claim is found supported at n replicates, if it is true as expected.

The control's own chance of passing is not part of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import integrate, stats

from common.audit.kinds import UPWARD, region, sense
from common.audit.statistics import ALPHA
from common.suite.claims import Claim

WANTED = 0.8  # power for which an inconclusive claim names the replicates
MOST = 10_000  # more replicates than this are not searched for
LEAST = 3  # replicates for any verdict


@dataclass(frozen=True)
class Truth:
    """What is taken to be true: the effect, and the standard deviation of one replicate.

    For ratios `sd` is that of the logarithm; proportions and spreads need none.
    """

    effect: float
    sd: float | None = None


def planned_power(claim: Claim, n: int) -> float | None:
    """Return the power of `claim` at `n` replicates under its planned effect and spread.

    Parameters
    ----------
    claim : Claim
        A leaf or a claim made of parts; of parts the result is Bonferroni's lower bound.
    n : int
        Replicates, at least 3 for any power at all.

    Returns
    -------
    float or None
        In [0, 1]; None where nothing is sampled or the claim plans no effect.
    """
    return _power(claim, n, ALPHA)


def _power(claim: Claim, n: int, alpha: float) -> float | None:
    if not claim.children:
        return _planned_leaf(claim, n, alpha)
    parts = [part for part in claim.children.values() if part.is_sampled]
    share = alpha / len(parts) if parts and claim.kind == "any_of" else alpha
    powers = [_power(part, n, share) for part in parts]
    known = [power for power in powers if power is not None]
    if not known or len(known) < len(powers):
        return None
    return max(known) if claim.kind == "any_of" else max(0.0, 1 - sum(1 - p for p in known))


def _planned_leaf(claim: Claim, n: int, alpha: float) -> float | None:
    if claim.power is None or not claim.is_sampled or isinstance(claim.power.effect, list):
        return None
    return leaf_power(claim, n, Truth(claim.power.effect, claim.power.sd), alpha)


def leaf_power(claim: Claim, n: int, truth: Truth, alpha: float = ALPHA) -> float | None:
    """Return the power of a sampled leaf at `n` replicates if `truth` holds.

    Means and ratios: noncentral t, for `equivalent` the two one-sided tests integrated over the
    distribution of the standard deviation. Proportions: the exact binomial. Spreads: F. A median
    is planned as if it were a mean of standard deviation sd sqrt(pi / 2), its value for normal
    replicates.

    Returns
    -------
    float or None
        None where a standard deviation is needed and `truth` has none.
    """
    estimand = claim.estimand
    assert estimand is not None
    n = n - n // 2 if estimand.choose else n
    if n < LEAST:
        return 0.0
    supported, _ = claim.boundaries
    kind = sense(claim)
    if claim.kind == "proportion":
        return _of_proportion(kind, n, truth.effect, supported, alpha)
    if estimand.statistic == "spread":
        return _of_spread(kind, n, truth.effect, supported, alpha)
    if truth.sd is None:
        return None
    log = estimand.is_ratio
    effect = math.log(truth.effect) if log else truth.effect
    sd = truth.sd * (math.sqrt(math.pi / 2) if estimand.statistic == "median" else 1.0)
    if kind == "equivalent":
        low, high = (math.log(x) if log else x for x in region(claim, supported))
        return _of_equivalence(n, effect, sd, low, high, alpha)
    bound = math.log(supported) if log else supported
    gain = effect - bound if kind in UPWARD else bound - effect
    return _of_mean(n, gain, sd, alpha)


def needed_replicates(claim: Claim, truth: Truth) -> int | None:
    """Return the smallest n with power 0.8 for a sampled leaf if `truth` holds; None if none is.

    None too where `truth` lies outside the claim's region or more than 10,000 would be needed.
    """

    def enough(n: int) -> bool:
        return (leaf_power(claim, n, truth) or 0.0) >= WANTED

    high = LEAST
    while not enough(high):
        if high >= MOST:
            return None
        high = min(2 * high, MOST)
    if claim.kind == "proportion":  # its power is a saw blade: no bisection
        return next(n for n in range(LEAST, high + 1) if enough(n))
    low = max(LEAST - 1, high // 2)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _of_mean(n: int, gain: float, sd: float, alpha: float) -> float:
    if sd == 0:
        return float(gain > 0)
    critical = stats.t.ppf(1 - alpha, n - 1)
    shift = min(max(gain / sd * math.sqrt(n), -30.0), 30.0)  # beyond, nct loses its digits
    return float(stats.nct.sf(critical, n - 1, shift))


def _of_equivalence(
    n: int, effect: float, sd: float, low: float, high: float, alpha: float
) -> float:
    if sd == 0:
        return float(low < effect < high)
    error, critical = sd / math.sqrt(n), stats.t.ppf(1 - alpha, n - 1)

    def given(spread: np.ndarray) -> np.ndarray:
        """Return P(both tests reject), given a sample's standard deviation of spread x sd."""
        reach = critical * spread * error
        inside = stats.norm.cdf((high - reach - effect) / error)
        inside -= stats.norm.cdf((low + reach - effect) / error)
        return inside * stats.chi.pdf(spread * math.sqrt(n - 1), n - 1) * math.sqrt(n - 1)

    most = (high - low) / (2 * critical * error)  # of a larger spread both tests never reject
    ends = stats.chi.ppf([1e-12, 1 - 1e-12], n - 1) / math.sqrt(n - 1)
    if most <= ends[0]:
        return 0.0
    return float(np.clip(integrate.fixed_quad(given, ends[0], min(most, ends[1]), n=200)[0], 0, 1))


def _of_proportion(kind: str, n: int, effect: float, bound: float, alpha: float) -> float:
    counts = np.arange(n + 1)
    if kind == "at_most":
        reached = stats.binom.cdf(counts, n, bound) <= alpha
    else:
        reached = stats.binom.sf(counts - 1, n, bound) <= alpha
    return float(stats.binom.pmf(counts, n, effect)[reached].sum())


def _of_spread(kind: str, n: int, effect: float, bound: float, alpha: float) -> float:
    f = stats.f(n - 1, n - 1)
    if kind == "at_most":
        return float(f.cdf(f.ppf(alpha) * bound / effect))
    return float(f.sf(f.ppf(1 - alpha) * bound / effect))
