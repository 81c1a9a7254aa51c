"""An A/A test of one's own runs: how often a verdict is given where there is nothing to find."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exp.compare.rows import Row
from exp.compare.statistics import ALPHA, welch
from exp.errors import UserError

FEWEST_SEEDS = 4
MOST_SPLITS = 10_000


@dataclass(frozen=True)
class Calibration:
    """How often two halves of the seeds of one configuration were called different."""

    row: Row
    n: int
    splits: int
    """Ways to divide the seeds that were tried."""
    false: int
    """Splits with p < 0.05."""

    @property
    def rate(self) -> float:
        """The share of false verdicts."""
        return self.false / self.splits


def calibrate(rows: Sequence[Row], metric: str) -> list[Calibration]:
    """Divide the seeds of each configuration in two halves, in many ways, and compare these as different rows would be.

    The halves have no seed in common, so that they are compared by Welch's t. All ways are tried if there are at most
    10,000, else as many, drawn without regard to the clock.

    Args:
        rows: those with fewer than 4 seeds are left out.
        metric: what is compared.

    Raises:
        UserError: no row has enough seeds.
    """
    found = []
    for row in rows:
        values = np.array(list(row.by_seed(metric).values()))
        if len(values) < FEWEST_SEEDS:
            continue
        splits = list(_splits(len(values)))
        p_values = [welch(values[half], np.delete(values, half)).p for half in splits]
        false = sum(p is not None and p < ALPHA for p in p_values)
        found.append(Calibration(row, len(values), len(splits), false))
    if not found:
        raise UserError(f"--calibrate: no row has {FEWEST_SEEDS} seeds with {metric}; for example -m seed='range(10)'")
    return found


def _splits(n: int) -> Iterator[npt.NDArray[np.int64]]:
    """One half of n seeds, in each way or in many; with as many in the other half, or one more."""
    half = n // 2
    if math.comb(n, half) <= MOST_SPLITS:
        for chosen in itertools.combinations(range(n), half):
            yield np.array(chosen)
        return
    draw = np.random.Generator(np.random.Philox(0))
    for _ in range(MOST_SPLITS):
        yield draw.permutation(n)[:half]
