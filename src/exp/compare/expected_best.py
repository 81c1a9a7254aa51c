"""What a search of k trials is expected to find: exact, over all sets of k trials among those that were made."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class ExpectedBest:
    """The figure of the trial that is chosen among k trials, over all sets of k that can be drawn."""

    k: int
    mean: float | None
    """Over the sets whose chosen trial has a figure; None if there is no such set."""
    std: float | None
    """The standard deviation over the same sets, which are all that there are: the divisor is their number."""
    none: float
    """The probability that a set gives no figure."""


def expected_best(
    selected: Sequence[float | None], reported: Sequence[float | None], *, counts: Sequence[int], higher: bool
) -> list[ExpectedBest]:
    """What is reported of the trial that is chosen, for several numbers of trials.

    Trials are drawn without replacement, so that the mean is an unbiased estimate (Tang et al. 2020, "Showing Your Work
    Doesn't Always Work", arXiv 2004.13705) of the expected best of Dodge et al. 2019, "Show Your Work", arXiv
    1909.03004. Trials that are equally good are chosen with equal chances.

    Args:
        selected: (n,): by what a trial is chosen; None if it failed, which is worse than any number.
        reported: (n,): the figure of the trial, which need not be the one it is chosen by; None if it has none.
        counts: numbers of trials, each from 1 to n.
        higher: whether the larger value of `selected` is the better one.
    """
    scores = np.array([-math.inf if value is None else value if higher else -value for value in selected])
    figures = np.array([math.nan if value is None else value for value in reported])
    order = np.argsort(-scores, kind="stable")
    scores, figures = scores[order], figures[order]
    _, group, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    has = np.isfinite(scores) & np.isfinite(figures)
    found = []
    for k in counts:
        chances = (np.bincount(group, weights=_chances_by_rank(len(scores), k)) / sizes)[group]
        given = float(chances[has].sum())
        none = min(1.0, float(chances[~has].sum()))
        if given == 0.0:
            found.append(ExpectedBest(k, None, None, 1.0))
            continue
        shares = chances[has] / given
        mean = float(shares @ figures[has])
        std = math.sqrt(float(shares @ (figures[has] - mean) ** 2))
        found.append(ExpectedBest(k, mean, std, none))
    return found


def _chances_by_rank(n: int, k: int) -> npt.NDArray[np.float64]:
    """The probability of each rank, the best first, to be the best one among k of n: C(n - 1 - rank, k - 1) / C(n, k).

    As a running product, because the binomials themselves are too large for a float from n = 1,030 on.
    """
    rank = np.arange(n - 1)
    ratios = np.maximum(n - k - rank, 0) / (n - 1 - rank)
    return np.asarray(k / n * np.cumprod(np.concatenate([[1.0], ratios])))
