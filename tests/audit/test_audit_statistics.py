import math

import numpy as np
import pytest
from audit_tables import claim
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW, ttost_paired

from common.audit.kinds import compose, decide, p_values
from common.audit.statistics import Mean, Median, Proportion, Ratio, Spread, spread_bound

VALUES = np.array([0.05, 0.02, 0.06, 0.03, 0.04])  # mean .04, sd sqrt(.00025) = .0158114
HALF = 2.1318468 * math.sqrt(0.00025 / 5)  # t(.95, 4) x standard error = .0150744
few = settings(max_examples=60, deadline=None)
number = st.floats(-50, 50).map(lambda x: round(x, 3))
samples = st.lists(number, min_size=3, max_size=8).map(np.array)


def test_mean_by_hand_and_by_statsmodels():
    low, high = Mean(VALUES).interval()
    assert Mean(VALUES).estimate == pytest.approx(0.04)
    assert (low, high) == pytest.approx((0.04 - HALF, 0.04 + HALF), abs=1e-7)
    assert (low, high) == pytest.approx(DescrStatsW(VALUES).tconfint_mean(alpha=0.1))
    p = DescrStatsW(VALUES).ttest_mean(0.02, alternative="larger")[1]
    assert Mean(VALUES).above(0.02) == pytest.approx(p)


def test_equivalence_is_statsmodels_ttost_paired():
    rng = np.random.default_rng(1)
    a, b = rng.normal(1.7, 0.1, 10), rng.normal(1.75, 0.1, 10)
    p, _, _ = ttost_paired(a, b, -0.15, 0.15)
    supported, _ = p_values(claim("equivalent", supported_beyond=0.15), Mean(a - b))
    assert supported == pytest.approx(p)


def test_ratio_is_t_on_logs():
    ratios = np.array([1.1, 1.2, 1.15, 1.3])
    low, high = DescrStatsW(np.log(ratios)).tconfint_mean(alpha=0.1)
    assert Ratio(ratios).interval() == pytest.approx((math.exp(low), math.exp(high)))
    assert Ratio(ratios).estimate == pytest.approx((1.1 * 1.2 * 1.15 * 1.3) ** 0.25)
    assert Ratio(ratios).above(1.05) == pytest.approx(Mean(np.log(ratios)).above(math.log(1.05)))


def test_proportion_is_clopper_and_pearson():
    # 18 of 20: the lower end solves P(X >= 18 | p) = .05, and is above .7; 17 of 20 is not enough.
    for successes, supported in ((18, True), (17, False)):
        values = np.array([1.0] * successes + [0.0] * (20 - successes))
        evidence = Proportion(values)
        low, high = evidence.interval()
        assert (low, high) == pytest.approx(
            proportion_confint(successes, 20, alpha=0.1, method="beta")
        )
        test = stats.binomtest(successes, 20, 0.7, alternative="greater")
        assert evidence.above(0.7) == pytest.approx(test.pvalue)
        assert (low > 0.7) == (evidence.above(0.7) <= 0.05) == supported


def test_spread_is_snedecors_f():
    of, over = np.array([1.0, 3.0, 5.0, 7.0]), np.array([1.0, 2.0, 3.0, 4.0])
    evidence = Spread(of, over)  # variances 20/3 and 5/3
    assert evidence.estimate == pytest.approx(4.0)
    assert evidence.above(1.0) == pytest.approx(stats.f.sf(4.0, 3, 3))
    assert evidence.interval()[0] == pytest.approx(4.0 / 9.276628, rel=1e-6)  # F(.95; 3, 3)


def test_median_needs_twenty_and_is_reproducible():
    with pytest.raises(ValueError, match="20 replicates, not 19"):
        Median(np.arange(19.0))
    values = np.random.default_rng(2).normal(size=25)
    assert Median(values).interval() == Median(values).interval()
    assert Median(values).above(float(np.median(values)) - 2) == 0.0


def test_samples_without_spread_have_a_point_for_an_interval():
    same = Mean(np.full(5, 0.2))
    assert same.interval() == (0.2, 0.2)
    assert same.above(0.2) == 1.0 and same.above(0.2, closed=True) == 0.0
    rounding = Mean(np.array([0.3 - 0.1, 0.2, 0.2, 0.1 + 0.1]))  # differ in the last bit only
    assert rounding.below(0.2, closed=True) == 0.0 and rounding.above(0.2) == 1.0
    assert decide(*p_values(claim("at_most"), same)) == "supported"
    assert decide(*p_values(claim("at_least"), same)) == "supported"
    assert decide(*p_values(claim("greater"), same)) == "inconclusive"  # .2 is not above .2
    assert decide(*p_values(claim("equivalent"), same)) == "supported"
    zero = Mean(np.zeros(4))
    assert decide(*p_values(claim("greater", supported_beyond=0), zero)) == "inconclusive"


def test_spread_bound_by_hand():
    # chi-squared with 4 degrees of freedom has its 20 % quantile at 1.648777.
    assert spread_bound(1.0, 5) == pytest.approx(math.sqrt(4 / 1.6487766), rel=1e-6)


def test_greater_and_its_two_boundaries():
    one = claim("greater", supported_beyond=0.5)
    verdicts = {
        "supported": [0.8, 0.9, 1.0],
        "contradicted": [-0.2, -0.3, -0.25],
        "inconclusive": [0.2, 0.25, 0.3],
    }
    for verdict, values in verdicts.items():
        assert decide(*p_values(one, Mean(np.array(values)))) == verdict


@few
@given(samples, st.floats(0.01, 5), st.sampled_from(["greater", "at_least", "equivalent"]))
def test_flipping_signs_flips_the_side(values, bound, kind):
    if kind == "equivalent":
        here, there = claim(kind, supported_beyond=bound), claim(kind, supported_beyond=bound)
    else:
        options = {"supported_beyond": bound, "contradicted_beyond": bound}
        here = claim(kind, **options)
        mirrored = {key: -value for key, value in options.items()}
        there = claim("at_most", **mirrored)
    if kind == "greater" and Mean(values).constant:
        return  # open against closed: the boundary itself belongs to one side only
    first = [float(p) for p in p_values(here, Mean(values))]
    assert first == pytest.approx([float(p) for p in p_values(there, Mean(-values))])


@few
@given(samples, st.floats(-5, 5), st.floats(0, 3), st.sampled_from(["greater", "at_most"]))
def test_supported_and_contradicted_exclude_each_other(values, bound, gap, kind):
    other = bound - gap if kind == "greater" else bound + gap
    one = claim(kind, supported_beyond=bound, contradicted_beyond=other)
    supported, contradicted = p_values(one, Mean(values))
    assert not (supported <= 0.05 and contradicted <= 0.05)


@few
@given(samples, st.floats(0.1, 5), st.sampled_from([0.01, 10.0, 100.0]))
def test_units_do_not_matter(values, bound, scale):
    one = claim("equivalent", supported_beyond=bound)
    other = claim("equivalent", supported_beyond=bound * scale)
    if Mean(values).constant:
        return
    ours = [float(p) for p in p_values(one, Mean(values))]
    theirs = [float(p) for p in p_values(other, Mean(values * scale))]
    assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-12)


@few
@given(samples, st.floats(-3, 3), st.sampled_from(["greater", "at_least", "at_most"]))
def test_p_values_and_the_interval_agree(values, bound, kind):
    if Mean(values).constant:
        return
    one = claim(kind, supported_beyond=bound, contradicted_beyond=bound)
    low, high = Mean(values).interval()
    beyond = high < bound if kind == "at_most" else low > bound
    supported, _ = p_values(one, Mean(values))
    if abs(float(supported) - 0.05) > 1e-9:
        assert (supported <= 0.05) == beyond


def test_intersection_union_by_hand():
    ps, pc = [0.01, 0.04, 0.03], [0.9, 0.02, 0.8]
    assert compose("all_of", ps, pc, 3) == pytest.approx((0.04, 0.06))  # max; 3 x .02
    assert compose("any_of", ps, pc, 3) == pytest.approx((0.03, 0.9))  # 3 x .01; max
    assert compose("all_of", ps, pc, 1) == pytest.approx((0.04, 0.02))
