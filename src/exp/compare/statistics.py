"""The arithmetic of a comparison: intervals, tests, and how many seeds an effect needs. SciPy does the distributions.

Only `scipy.special` is imported: `scipy.stats` gives the same figures, as tests say, and takes longer to import.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

ALPHA = 0.05
"""The rate of false verdicts that is accepted; intervals cover 1 - ALPHA."""
POWER = 0.8
"""The chance to see an effect that there is, for which `seeds_needed` asks."""
FEWEST_FOR_EXACT = 6
"""Pairs from which on the sign-flip test can give p < 0.05: its smallest p is 2 / 2**n."""
MOST_FOR_EXACT = 40
MOST_SEEDS = 100_000
FARTHEST = 37.0
"""The noncentrality above which the noncentral t runs out of its range, and any effect is seen."""

Numbers = Sequence[float] | npt.NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """The difference of two means, and how sure it is."""

    method: str
    """`paired t` or `Welch t`."""
    n: int
    """Pairs; without pairs, the values of the smaller group."""
    difference: float
    error: float | None
    """The standard error of the difference; None if it cannot be had: of a single value, or if nothing varies."""
    freedom: float | None
    """Degrees of freedom of Student's t."""
    effect: float | None
    """The difference in standard deviations: of the differences if paired, else of the groups (root mean square)."""
    freedom_of_one: float = 1.0
    """Degrees of freedom for each further seed: 1 of pairs; of two groups 2 if they vary alike, and less if not."""

    @property
    def t(self) -> float | None:
        """Student's t."""
        return None if self.error is None else self.difference / self.error

    @property
    def p(self) -> float | None:
        """The two-sided p-value of no difference."""
        return None if self.t is None else 2 * float(_special().stdtr(self.freedom, -abs(self.t)))

    def interval(self, level: float = 1 - ALPHA) -> tuple[float | None, float | None]:
        """The confidence interval of the difference; (None, None) if it cannot be had."""
        if self.error is None:
            return None, None
        half = self.error * float(_special().stdtrit(self.freedom, (1 + level) / 2))
        return self.difference - half, self.difference + half

    def p_equivalent(self, margin: float) -> float | None:
        """The larger p-value of two one-sided t tests, that the difference lies beyond -margin or beyond margin."""
        if self.error is None:
            return None
        beyond = (abs(self.difference) - margin) / self.error
        return float(_special().stdtr(self.freedom, beyond))


def paired(group: Numbers, baseline: Numbers) -> Estimate:
    """Student's t of the differences between pairs.

    Args:
        group: (n,), n at least 1.
        baseline: (n,): the other value of each pair.
    """
    ours, theirs = np.asarray(group, np.float64), np.asarray(baseline, np.float64)
    values = ours - theirs
    n, mean = len(values), float(np.mean(values))
    spread = _spread(values, size=float(max(np.max(np.abs(ours)), np.max(np.abs(theirs)))))
    if spread is None:
        return Estimate("paired t", n, mean, None, None, None)
    return Estimate("paired t", n, mean, spread / math.sqrt(n), n - 1, mean / spread)


def welch(group: Numbers, baseline: Numbers) -> Estimate:
    """Welch's t of the difference between two independent groups, whose variances may differ.

    Args:
        group: (n,), n at least 1.
        baseline: (m,), m at least 1.
    """
    ours, theirs = np.asarray(group, np.float64), np.asarray(baseline, np.float64)
    n, difference = min(len(ours), len(theirs)), float(np.mean(ours) - np.mean(theirs))
    if n < 2 or (_spread(ours) is None and _spread(theirs) is None):
        return Estimate("Welch t", n, difference, None, None, None)
    variances = [float(np.var(values, ddof=1)) for values in (ours, theirs)]
    parts = [variance / len(values) for variance, values in zip(variances, (ours, theirs), strict=True)]
    squares = sum(part**2 / (len(values) - 1) for part, values in zip(parts, (ours, theirs), strict=True))
    effect = difference / math.sqrt(sum(variances) / 2)
    share = sum(variances) ** 2 / sum(variance**2 for variance in variances)
    return Estimate("Welch t", n, difference, math.sqrt(sum(parts)), sum(parts) ** 2 / squares, effect, share)


def sign_flip_p(differences: Numbers) -> float | None:
    """The exact two-sided p-value of the mean difference among all 2**n ways to exchange the values of the pairs.

    Returns:
        None for fewer than 6 pairs, which can never give less than 0.05, and for more than 40.
    """
    values = np.asarray(differences, np.float64)
    n = len(values)
    if not FEWEST_FOR_EXACT <= n <= MOST_FOR_EXACT:
        return None
    total = abs(float(values.sum()))
    # Sums of the same numbers in another order differ in their last bits, and count as equal.
    limit = total - 1e-9 * float(np.abs(values).sum())
    ours, others = _all_sums(values[: n // 2]), np.sort(_all_sums(values[n // 2 :]))
    high = len(others) - np.searchsorted(others, limit - ours, side="left")
    low = np.searchsorted(others, -limit - ours, side="right")
    return min(1.0, float((high + low).sum()) / 2.0**n)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjust p-values for how many there are, by Holm's method; what is None stays None, and is not counted."""
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, place) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        adjusted[place] = largest
    return adjusted


def probability_better(group: Numbers, baseline: Numbers, *, is_paired: bool, higher: bool) -> float:
    """The share of comparisons of one value with another in which the group's is better; equal ones count half.

    Args:
        group: (n,).
        baseline: (m,); if paired, m = n, and only values of the same place are compared; else each with each.
        is_paired: whether values of the same place belong together.
        higher: whether the larger value is the better one.
    """
    ours, theirs = np.asarray(group, np.float64), np.asarray(baseline, np.float64)
    gaps = ours - theirs if is_paired else np.subtract.outer(ours, theirs)
    signs = np.sign(gaps if higher else -gaps)
    return float(np.mean((signs + 1) / 2))


def seeds_needed(estimate: Estimate, *, margin: float | None = None, alpha: float = ALPHA) -> int | None:
    """The fewest seeds of each row that would decide a difference of the size seen, at the spread seen.

    Args:
        estimate: of fewer seeds, which did not decide it.
        margin: if the difference lies within it, the seeds are counted that would show that.
        alpha: the rate of false verdicts.

    Returns:
        More than there are; None if nothing varies, there is no difference, or 100,000 would not be enough.
    """
    if estimate.effect is None or estimate.difference == 0.0:
        return None
    test = _Test(estimate.method == "paired t", estimate.freedom_of_one, alpha)
    if margin is not None and abs(estimate.difference) < margin:
        room = (margin - abs(estimate.difference)) * abs(estimate.effect / estimate.difference)
        needed = replace(test, sides=1).fewest(room)
    else:
        needed = test.fewest(abs(estimate.effect))
    return None if needed is None else max(needed, estimate.n + 1)


@cache
def seeds_for(effect: float, *, is_paired: bool = True, alpha: float = ALPHA) -> int | None:
    """The fewest seeds (of each group) with which a two-sided t test sees an effect with a chance of 80 %.

    Args:
        effect: in standard deviations.
        is_paired: or two groups that vary alike.
        alpha: the rate of false verdicts.

    Returns:
        None if more than 100,000 would be needed.
    """
    return _Test(is_paired, 1.0 if is_paired else 2.0, alpha).fewest(abs(effect))


@dataclass(frozen=True)
class _Test:
    """A t test whose number of seeds is asked for."""

    is_paired: bool
    freedom_of_one: float
    alpha: float = ALPHA
    sides: int = 2

    def power(self, n: int, effect: float) -> float:
        """The chance that it sees an effect with n seeds (of each group), by the noncentral t."""
        freedom, shift = self.freedom_of_one * (n - 1), effect * math.sqrt(n if self.is_paired else n / 2)
        if shift > FARTHEST:
            return 1.0
        critical = float(_special().stdtrit(freedom, 1 - self.alpha / self.sides))
        above, below = (float(_special().nctdtr(freedom, shift, limit)) for limit in (critical, -critical))
        return 1.0 - above + (below if self.sides == 2 and not math.isnan(below) else 0.0)

    def fewest(self, effect: float) -> int | None:
        """The fewest seeds with which it sees an effect often enough; None if more than 100,000."""
        if not math.isfinite(effect) or self.power(MOST_SEEDS, effect) < POWER:
            return None
        low, high = 1, MOST_SEEDS  # power grows with n: `low` never has enough, `high` always
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.power(middle, effect) >= POWER else (middle, high)
        return high


@cache
def ratio_of_variances(
    one: float, freedom: int, other: float, other_freedom: int, level: float = 1 - ALPHA
) -> tuple[float, float]:
    """The confidence interval of the ratio of two variances, by Fisher's F.

    Args:
        one: estimated from normal values, not 0, as the other one.
        freedom: its degrees of freedom.
        other: the variance below, from values of its own.
        other_freedom: its degrees of freedom.
        level: of confidence.
    """
    low, high = (float(_special().fdtri(freedom, other_freedom, p)) for p in ((1 - level) / 2, (1 + level) / 2))
    return one / other / high, one / other / low


def _special() -> Any:
    """The distributions; imported when a verdict is asked for, which a table is shown without."""
    from scipy import special

    return special


def _spread(values: npt.NDArray[np.float64], *, size: float | None = None) -> float | None:
    """The standard deviation; None of a single value, or if it is no more than what rounding makes of equal values.

    Args:
        values: (n,).
        size: the largest of the numbers that the values come from.
    """
    if len(values) < 2:
        return None
    spread = float(np.std(values, ddof=1))
    rounding = 8 * float(np.finfo(np.float64).eps) * (float(np.max(np.abs(values))) if size is None else size)
    return spread if spread > rounding else None


def _all_sums(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The sums of values with all 2**n choices of their signs."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums
