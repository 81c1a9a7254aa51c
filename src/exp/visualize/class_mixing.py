"""What the size of the shuffle buffer does: how evenly classes are mixed, and how far examples move."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exp.data.order import Indices, epoch_order
from exp.data.split import Labels

FIRST_BATCHES = 100


@dataclass(frozen=True)
class ClassMixing:
    """One epoch, shuffled with a buffer of one size."""

    buffer_size: int
    order: Indices
    shares: npt.NDArray[np.float64]
    """(batches, classes): the share of each class in each of the first batches."""
    overall: npt.NDArray[np.float64]
    """(classes,): the share of each class in the whole set."""

    @property
    def first_shares(self) -> npt.NDArray[np.float64]:
        """(classes,): the share of each class in the first batches together."""
        return np.asarray(self.shares.mean(axis=0))

    @property
    def unevenness(self) -> float:
        """How far a batch's shares are from the whole set's: half the sum of the differences, averaged over batches.

        0 means that each batch is like the whole set; with two equal classes, 0.5 means that a batch holds one class.
        """
        return float(np.abs(self.shares - self.overall).sum(axis=1).mean() / 2)

    @property
    def moved(self) -> npt.NDArray[np.int64]:
        """How far each example moved from its original place."""
        return np.asarray(np.abs(self.order - np.arange(len(self.order))))


def class_mixings(
    labels: Labels, *, classes: int, seed: int, batch_size: int, buffer_sizes: Sequence[int]
) -> list[ClassMixing]:
    """How the first epoch of a set with these labels is mixed, for each buffer size."""
    found = []
    for buffer_size in buffer_sizes:
        order = epoch_order(seed=seed, epoch=0, size=len(labels), buffer_size=buffer_size)
        batches = min(FIRST_BATCHES, len(labels) // batch_size)
        first = labels[order[: batches * batch_size]].reshape(batches, batch_size)
        shares = (first[..., np.newaxis] == np.arange(classes)).mean(axis=1)
        overall = np.bincount(labels, minlength=classes) / len(labels)
        found.append(ClassMixing(buffer_size, order, shares, overall))
    return found
