"""Random numbers for examples, without any state: a pure function of (seed, epoch, index of the example)."""

from typing import Any

import numpy as np
import numpy.typing as npt

INCREMENT, *MULTIPLIERS = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
"""Of SplitMix64."""


def uniform(*, seed: int, epoch: npt.NDArray[np.int64], index: npt.NDArray[np.int64], draws: int) -> Any:
    """Random numbers for examples: (*index.shape, draws) float64 in 0..1, without 1.

    Each is a hash of (seed, epoch, index, number of the draw), mixed by the finaliser of SplitMix64 (Steele, Lea and
    Flood, OOPSLA 2014): the upper 53 bits of each word.
    """
    words = _mix(np.full_like(index, seed, dtype=np.uint64))
    for key in (epoch, index):
        words = _mix(words + key.astype(np.uint64))
    numbers: npt.NDArray[np.uint64] = np.arange(draws).astype(np.uint64)
    words = _mix(words[..., np.newaxis] + numbers)
    return (words >> np.uint64(11)) * 2.0**-53


def _mix(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    words = words + np.uint64(INCREMENT)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(MULTIPLIERS[0])
    words = (words ^ (words >> np.uint64(27))) * np.uint64(MULTIPLIERS[1])
    return words ^ (words >> np.uint64(31))
