"""Intervals and one-sided p-values of one number a replicate: pure functions of samples.

Every class holds samples of shape (..., n): leading axes are independent samples, so a simulation
of thousands takes one call. All offer

- ``estimate`` and ``interval(level)``: the estimate and its two-sided interval, shape (...);
- ``above(b)``, ``below(b)``: the p-value of the one-sided test whose alternative is that the
  parameter lies above (below) `b`. It is at most alpha exactly where the interval of level
  1 - 2 alpha lies on that side of `b`.

A sample without spread has a point for an interval: its p-values are 0 or 1, and a value on the
boundary counts as beyond it only if `closed`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

LEVEL = 0.90  # of the intervals
ALPHA = (1 - LEVEL) / 2  # error allowed in each direction
BOOTSTRAP_FROM = 20  # replicates; below, the coverage of a bootstrap interval is far from nominal
RESAMPLES = 9_999

Array = NDArray[np.float64]


class Evidence(Protocol):
    """What `Mean`, `Ratio`, `Median`, `Proportion` and `Spread` have in common."""

    @property
    def estimate(self) -> Array:
        """The estimate, shape (...)."""

    def interval(self, level: float = LEVEL) -> tuple[Array, Array]:
        """Return both ends of the two-sided interval, shape (...)."""

    def above(self, bound: float, closed: bool = False) -> Array:
        """Return the p-value of the alternative "above `bound`", shape (...)."""

    def below(self, bound: float, closed: bool = False) -> Array:
        """Return the p-value of the alternative "below `bound`", shape (...)."""


@dataclass(frozen=True)
class Mean:
    """The mean of paired differences, or of any number a replicate, by Student's t.

    Parameters
    ----------
    values : ndarray
        Shape (..., n), n >= 2, in the unit of the estimand.
    """

    values: Array

    @property
    def estimate(self) -> Array:
        """The mean over replicates, shape (...)."""
        return self.values.mean(-1)

    @cached_property
    def constant(self) -> NDArray[np.bool_]:
        """Which samples have no spread beyond rounding, shape (...)."""
        size = np.maximum(1.0, np.abs(self.values).max(-1))
        return np.ptp(self.values, axis=-1) <= 1e-12 * size

    @cached_property
    def _spread_out(self) -> Array:
        """The samples, those without spread replaced by 0, 1, 2, ... so that t is defined."""
        return np.where(self.constant[..., None], np.arange(self.values.shape[-1]), self.values)

    def interval(self, level: float = LEVEL) -> tuple[Array, Array]:
        """Return both ends of the two-sided interval of the mean, shape (...)."""
        found = stats.ttest_1samp(self._spread_out, 0.0, axis=-1).confidence_interval(level)
        ends = (found.low, found.high)
        low, high = (np.where(self.constant, self.estimate, end) for end in ends)
        return low, high

    def above(self, bound: float, closed: bool = False) -> Array:
        """Return the p-value of the alternative "the mean lies above `bound`", shape (...)."""
        return self._p_value(bound, closed, "greater", 1.0)

    def below(self, bound: float, closed: bool = False) -> Array:
        """Return the p-value of the alternative "the mean lies below `bound`", shape (...)."""
        return self._p_value(bound, closed, "less", -1.0)

    def _p_value(self, bound: float, closed: bool, alternative: str, side: float) -> Array:
        test = stats.ttest_1samp(self._spread_out, bound, axis=-1, alternative=alternative)
        distance = side * (self.estimate - bound)
        on_it = np.abs(distance) <= 1e-12 * max(1.0, abs(bound))
        beyond = np.where(on_it, closed, distance > 0)
        return np.where(self.constant, np.where(beyond, 0.0, 1.0), test.pvalue)


@dataclass(frozen=True)
class Ratio:
    """The geometric mean of paired ratios: Student's t on their logarithms.

    Parameters
    ----------
    values : ndarray
        Shape (..., n), ratios above 0.
    """

    values: Array

    @cached_property
    def logs(self) -> Mean:
        """The logarithms' mean."""
        return Mean(np.log(self.values))

    @property
    def estimate(self) -> Array:
        """The geometric mean, shape (...)."""
        return np.exp(self.logs.estimate)

    def interval(self, level: float = LEVEL) -> tuple[Array, Array]:
        """Return both ends of the interval of the geometric mean, shape (...)."""
        low, high = self.logs.interval(level)
        return np.exp(low), np.exp(high)

    def above(self, bound: float, closed: bool = False) -> Array:
        """Return the p-value of "the ratio lies above `bound`" (> 0), shape (...)."""
        return self.logs.above(float(np.log(bound)), closed)

    def below(self, bound: float, closed: bool = False) -> Array:
        """Return the p-value of "the ratio lies below `bound`" (> 0), shape (...)."""
        return self.logs.below(float(np.log(bound)), closed)


@dataclass(frozen=True)
class Proportion:
    """The share of replicates that succeed: Clopper and Pearson's exact interval.

    Parameters
    ----------
    values : ndarray
        Shape (..., n), 1 for success, else 0.
    """

    values: Array

    @cached_property
    def successes(self) -> Array:
        """How many succeed, shape (...)."""
        return self.values.sum(-1)

    @property
    def estimate(self) -> Array:
        """The share of successes, shape (...)."""
        return self.values.mean(-1)

    def interval(self, level: float = LEVEL) -> tuple[Array, Array]:
        """Return both ends of Clopper and Pearson's interval, shape (...)."""
        n = self.values.shape[-1]
        low, high = proportion_confint(self.successes, n, alpha=1 - level, method="beta")
        return np.asarray(low), np.asarray(high)

    def above(self, bound: float, closed: bool = False) -> Array:
        """Return the exact binomial p-value of "the share lies above `bound`", shape (...)."""
        return stats.binom.sf(self.successes - 1, self.values.shape[-1], bound)

    def below(self, bound: float, closed: bool = False) -> Array:
        """Return the exact binomial p-value of "the share lies below `bound`", shape (...)."""
        return stats.binom.cdf(self.successes, self.values.shape[-1], bound)


@dataclass(frozen=True)
class Spread:
    """The ratio of two variances over replicates, by Snedecor's F.

    The test takes the two samples as independent; replicates shared in pairs make it cautious.

    Parameters
    ----------
    of, over : ndarray
        Shape (..., n), n >= 2; `over` not constant.
    """

    of: Array
    over: Array

    @property
    def estimate(self) -> Array:
        """Variance of `of` over variance of `over`, shape (...)."""
        return self.of.var(-1, ddof=1) / self.over.var(-1, ddof=1)

    @cached_property
    def _f(self):
        return stats.f(self.of.shape[-1] - 1, self.over.shape[-1] - 1)

    def interval(self, level: float = LEVEL) -> tuple[Array, Array]:
        """Return both ends of the interval of the ratio of variances, shape (...)."""
        tail = (1 - level) / 2
        return self.estimate / self._f.ppf(1 - tail), self.estimate / self._f.ppf(tail)

    def above(self, bound: float, closed: bool = False) -> Array:
        """Return the p-value of "the ratio of variances lies above `bound`", shape (...)."""
        return self._f.sf(self.estimate / bound)

    def below(self, bound: float, closed: bool = False) -> Array:
        """Return the p-value of "the ratio of variances lies below `bound`", shape (...)."""
        return self._f.cdf(self.estimate / bound)


@dataclass(frozen=True)
class Median:
    """The median over replicates, by the percentile bootstrap (fixed stream: equal in, equal out).

    Parameters
    ----------
    values : ndarray
        Shape (..., n), n >= 20.

    Raises
    ------
    ValueError
        Below 20 replicates.
    """

    values: Array
    resamples: int = RESAMPLES

    def __post_init__(self) -> None:
        if (n := self.values.shape[-1]) < BOOTSTRAP_FROM:
            raise ValueError(f"a bootstrap needs {BOOTSTRAP_FROM} replicates, not {n}")

    @property
    def estimate(self) -> Array:
        """The median, shape (...)."""
        return np.median(self.values, axis=-1)

    @cached_property
    def _medians(self) -> Array:
        found = stats.bootstrap(
            (self.values,),
            np.median,
            n_resamples=self.resamples,
            axis=-1,
            method="percentile",
            rng=np.random.default_rng(0),
        )
        return found.bootstrap_distribution

    def interval(self, level: float = LEVEL) -> tuple[Array, Array]:
        """Return both ends of the percentile interval of the median, shape (...)."""
        tail = (1 - level) / 2
        low, high = np.quantile(self._medians, [tail, 1 - tail], axis=-1)
        return low, high

    def above(self, bound: float, closed: bool = False) -> Array:
        """Return the share of resampled medians that are not above `bound`, shape (...)."""
        missed = self._medians < bound if closed else self._medians <= bound
        return missed.mean(-1)

    def below(self, bound: float, closed: bool = False) -> Array:
        """Return the share of resampled medians that are not below `bound`, shape (...)."""
        missed = self._medians > bound if closed else self._medians >= bound
        return missed.mean(-1)


def spread_bound(sd: float, n: int, confidence: float = 0.8) -> float:
    """Return the upper bound, with this `confidence`, of the true standard deviation.

    Parameters
    ----------
    sd : float
        The standard deviation of n replicates.

    References
    ----------
    The bound is sd sqrt((n - 1) / q), q the (1 - confidence) quantile of chi-squared with n - 1
    degrees of freedom.
    """
    return float(sd * np.sqrt((n - 1) / stats.chi2.ppf(1 - confidence, n - 1)))
