"""The arithmetic of a comparison: intervals, tests, and how many seeds an effect needs. SciPy does the distributions.

Only `scipy.special` is imported: `scipy.stats` gives the same figures, as tests say, and takes longer to import.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import special

ALPHA = 0.05
"""The rate of false verdicts that is accepted; intervals cover 1 - ALPHA."""
POWER = 0.8
"""The chance to see an effect that there is, for which `seeds_needed` asks."""
FEWEST_FOR_EXACT = 6
"""Pairs from which on the sign-flip test can give p < 0.05: its smallest p is 2 / 2**n."""
MOST_FOR_EXACT = 40
MOST_SEEDS = 100_000

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

    @property
    def t(self) -> float | None:
        """Student's t."""
        return None if self.error is None else self.difference / self.error

    @property
    def p(self) -> float | None:
        """The two-sided p-value of no difference."""
        return None if self.t is None else 2 * float(special.stdtr(self.freedom, -abs(self.t)))

    def interval(self, level: float = 1 - ALPHA) -> tuple[float | None, float | None]:
        """The confidence interval of the difference; (None, None) if it cannot be had."""
        if self.error is None:
            return None, None
        half = self.error * float(special.stdtrit(self.freedom, (1 + level) / 2))
        return self.difference - half, self.difference + half

    def p_equivalent(self, margin: float) -> float | None:
        """The larger p-value of two one-sided t tests, that the difference lies beyond -margin or beyond margin."""
        if self.error is None:
            return None
        beyond = (abs(self.difference) - margin) / self.error
        return float(special.stdtr(self.freedom, beyond))


def paired(differences: Numbers) -> Estimate:
    """Student's t of differences between pairs.

    Args:
        differences: (n,), n at least 1: of each pair, one value minus the other.
    """
    values = np.asarray(differences, np.float64)
    n, mean = len(values), float(np.mean(values))
    spread = _spread(values)
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
    return Estimate("Welch t", n, difference, math.sqrt(sum(parts)), sum(parts) ** 2 / squares, effect)


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


@cache
def seeds_needed(effect: float, method: str = "paired t", *, power: float = POWER, alpha: float = ALPHA) -> int | None:
    """The fewest seeds (of each group) with which a two-sided t test sees an effect so often.

    Args:
        effect: in standard deviations, as `Estimate.effect`.
        method: `paired t`, or `Welch t` (as for equal variances).
        power: the chance that p is below alpha.
        alpha: the rate of false verdicts.

    Returns:
        None if more than 100,000 would be needed.
    """
    size = abs(effect)
    if not math.isfinite(size) or power_of(MOST_SEEDS, size, method, alpha) < power:
        return None
    low, high = 1, MOST_SEEDS  # power grows with n: `low` never has enough, `high` always
    while high - low > 1:
        middle = (low + high) // 2
        enough = power_of(middle, size, method, alpha) >= power
        low, high = (low, middle) if enough else (middle, high)
    return high


def power_of(n: int, effect: float, method: str = "paired t", alpha: float = ALPHA) -> float:
    """The chance that a two-sided t test with n seeds (of each group) gives p < alpha, by the noncentral t."""
    freedom, shift = (n - 1, effect * math.sqrt(n)) if method == "paired t" else (2 * n - 2, effect * math.sqrt(n / 2))
    critical = float(special.stdtrit(freedom, 1 - alpha / 2))
    above, below = (float(special.nctdtr(freedom, shift, limit)) for limit in (critical, -critical))
    # The noncentral t runs out of its range where an effect is overwhelming.
    return 1.0 if math.isnan(above) or shift > 37.0 else 1.0 - above + (0.0 if math.isnan(below) else below)


def _spread(values: npt.NDArray[np.float64]) -> float | None:
    """The standard deviation; None of a single value, or if all are equal but for rounding."""
    if len(values) < 2:
        return None
    spread = float(np.std(values, ddof=1))
    return spread if spread > 1e-12 * float(np.max(np.abs(values))) else None


def _all_sums(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The sums of values with all 2**n choices of their signs."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums
