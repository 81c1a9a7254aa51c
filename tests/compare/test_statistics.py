"""The arithmetic of comparisons: published figures, SciPy's own tests, and what is promised of many sweeps."""

import numpy as np
import pytest
from scipy import stats

from exp.compare import statistics

SLEEP = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]
"""Student (1908): the hours of sleep that ten people gained by one drug more than by the other."""
ONE_DRUG = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
OTHER_DRUG = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
MAIZE = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
"""Darwin (1876): how much higher crossed plants were than self-fertilized ones, in eighths of an inch."""


def test_student_s_sleep_data():
    found = statistics.paired(ONE_DRUG, OTHER_DRUG)
    assert found.t == pytest.approx(-4.0621, abs=5e-5)
    assert found.p == pytest.approx(0.002833, abs=5e-7)
    assert [round(-bound, 2) for bound in reversed(found.interval())] == [0.70, 2.46]
    assert statistics.sign_flip_p(SLEEP) == 0.00390625
    welch = statistics.welch(ONE_DRUG, OTHER_DRUG)
    assert welch.p == pytest.approx(0.0794, abs=5e-5)
    assert (welch.method, welch.n, found.n) == ("Welch t", 10, 10)


def test_darwin_s_maize():
    assert statistics.paired(MAIZE, [0] * len(MAIZE)).p == pytest.approx(0.0497, abs=5e-5)
    assert statistics.sign_flip_p(MAIZE) == 1726 / 32768


def test_holm():
    p_values = [6e-6, 0.000332, 0.009823, 0.014171, 0.083642, 0.141093, 0.518605, 0.660706]
    adjusted = [0.000050, 0.002324, 0.058940, 0.070857, 0.334569, 0.423278, 1, 1]
    assert statistics.holm(p_values) == pytest.approx(adjusted, abs=4e-6)
    shuffled = np.random.default_rng(0).permutation(8)
    found = statistics.holm([p_values[place] for place in shuffled])
    assert found == pytest.approx([adjusted[place] for place in shuffled], abs=4e-6)
    assert statistics.holm([None, 0.03, None, 0.02]) == [None, 0.04, None, 0.04]


def test_seeds_that_an_effect_needs():
    assert [statistics.seeds_for(effect) for effect in (0.5, 0.8, 1, 1.5, 2)] == [34, 15, 10, 6, 5]
    assert statistics.seeds_for(-0.8) == 15
    # Cohen (1988), table 2.4.1: of each group.
    assert [statistics.seeds_for(effect, is_paired=False) for effect in (0.5, 0.8)] == [64, 26]
    assert statistics.seeds_for(0.0) is None
    assert statistics.seeds_for(1e6) == 2


def test_seeds_that_an_estimate_needs():
    few = statistics.paired([0.9, 1.6, 2.0], [1.0, 1.0, 1.0])
    assert few.effect == pytest.approx(0.898, abs=5e-4)
    assert statistics.seeds_needed(few) == statistics.seeds_for(few.effect) == 12
    assert statistics.seeds_needed(few, alpha=0.01) > 12
    # More than there are, also where groups vary so unlike that equal ones would do.
    uneven = statistics.welch([9.0, 10.0, 11.0], np.random.default_rng(0).normal(9.0, 0.1, 20))
    assert statistics.seeds_needed(uneven) > 3
    close = statistics.paired([1.01, 0.98, 1.02, 0.99], [1.0, 1.0, 1.0, 1.001])
    assert statistics.seeds_needed(close) > 100
    assert statistics.seeds_needed(close, margin=0.03) < 10  # to show that they are as good as equal
    assert statistics.seeds_needed(statistics.paired([1.0], [2.0])) is None


@pytest.mark.parametrize("n", [2, 3, 5, 10, 30])
def test_the_same_as_scipy_s_own_tests(n):
    draw = np.random.default_rng(n)
    for scale in (1e-6, 1.0, 1e3):
        ours, theirs = draw.normal(0.3, 1.0, n) * scale, draw.normal(0.0, 2.0, n + 1) * scale
        paired, welch = statistics.paired(ours, theirs[:n]), statistics.welch(ours, theirs)
        by_pair, apart = stats.ttest_rel(ours, theirs[:n]), stats.ttest_ind(ours, theirs, equal_var=False)
        assert (paired.t, paired.p) == pytest.approx((by_pair.statistic, by_pair.pvalue), rel=1e-9)
        assert paired.interval() == pytest.approx(tuple(by_pair.confidence_interval()), rel=1e-9)
        assert (welch.t, welch.p) == pytest.approx((apart.statistic, apart.pvalue), rel=1e-9)
        assert welch.interval() == pytest.approx(tuple(apart.confidence_interval()), rel=1e-9)


@pytest.mark.parametrize("n", [6, 9, 14])
def test_sign_flips_are_counted_exactly(n):
    draw = np.random.default_rng(n)
    for differences in (draw.normal(0.5, 1.0, n), draw.integers(-3, 5, n)):
        by_scipy = stats.permutation_test(
            (differences,), np.mean, permutation_type="samples", n_resamples=np.inf, vectorized=True
        )
        assert statistics.sign_flip_p(differences) == pytest.approx(by_scipy.pvalue, rel=1e-12)
    assert statistics.sign_flip_p([0.01] * n) == 2 / 2**n
    assert statistics.sign_flip_p([0.0] * n) == 1.0
    assert statistics.sign_flip_p([1.0] * 5) is None


def test_too_little_is_no_certainty():
    for few in (
        statistics.paired([0.3], [0.1]),
        statistics.paired([0.2, 0.3, 0.4], [0.1, 0.2, 0.3]),
        statistics.welch([1.0], [2.0, 3.0]),
    ):
        assert (few.t, few.p, few.effect, few.interval()) == (None, None, None, (None, None))
        assert few.p_equivalent(0.5) is None
    base = np.array([0.97014, 0.97122, 0.96988, 0.97236, 0.97091])
    for shift in (0.01, 1e-4, 2e-5):  # the same for each pair, but for the last bits
        assert statistics.paired(base + shift, base).p is None


def test_equivalence_is_two_one_sided_tests():
    differences = np.random.default_rng(1).normal(0.1, 1.0, 40)
    low = stats.ttest_1samp(differences, -0.6, alternative="greater").pvalue
    high = stats.ttest_1samp(differences, 0.6, alternative="less").pvalue
    assert statistics.paired(differences, np.zeros(40)).p_equivalent(0.6) == pytest.approx(max(low, high), rel=1e-9)


def test_the_probability_to_be_better():
    assert statistics.probability_better([1, 2, 3], [0, 2, 4], is_paired=True, higher=True) == 0.5
    assert statistics.probability_better([1, 2, 3], [0, 1], is_paired=False, higher=True) == pytest.approx(5.5 / 6)
    assert statistics.probability_better([1, 2, 3], [0, 1], is_paired=False, higher=False) == pytest.approx(0.5 / 6)
