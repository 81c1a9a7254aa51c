"""The order of the examples: a pure function of (seed, epoch, buffer_size), so that any step can be sought directly."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]


def epoch_order(*, seed: int, epoch: int, size: int, buffer_size: int) -> Indices:
    """The indices 0..size-1 in the order that `tf.data.Dataset.shuffle(buffer_size)` would draw them.

    A buffer is filled with the first `buffer_size` elements; each draw takes a uniformly random element of it and puts
    the next element of the input in its place; at the end the buffer is emptied in random order.

    No element is moved one by one here. With draw t taking slot s, what it finds there is what the last earlier draw
    from s, at time p, put there: element p + buffer_size; or, if there was none, element s. Sorting the draws by slot
    gives every p at once.

    The random bits are those of Philox 4x64-10 (Salmon et al., SC 2011) with the key (seed, epoch), taken raw: NumPy
    promises that stream for ever, but not what its distributions make of it.
    """
    buffer = min(buffer_size, size)
    draws = size - buffer
    bits = np.random.Philox(key=np.array([seed, epoch], np.uint64)).random_raw(size)
    # The upper 32 bits, scaled to 0..buffer-1; the bias is below buffer / 2**32.
    slots = ((bits[:draws] >> np.uint64(32)) * np.uint64(buffer) >> np.uint64(32)).astype(np.int64)
    by_slot = np.argsort(slots, kind="stable")
    sorted_slots = slots[by_slot]
    order = np.empty(size, np.int64)
    found = sorted_slots.copy()
    again = np.flatnonzero(sorted_slots[1:] == sorted_slots[:-1]) + 1
    found[again] = by_slot[again - 1] + buffer
    order[by_slot] = found
    left = np.arange(buffer, dtype=np.int64)
    left[slots] = np.arange(buffer, size, dtype=np.int64)  # for a slot drawn more than once, the last one stays
    order[draws:] = left[np.argsort(bits[draws:], kind="stable")]
    return order


class Order:
    """The examples of every training step of a run.

    An epoch has `size // batch_size` steps; what does not fill a batch at its end is dropped, and another epoch
    leaves out others.
    """

    def __init__(self, *, seed: int, size: int, buffer_size: int, batch_size: int) -> None:
        self.size = size
        self.batch_size = batch_size
        self.steps_per_epoch = size // batch_size
        # Two epochs are kept: a call with several steps may reach into the next one.
        self._epoch = lru_cache(maxsize=2)(
            lambda epoch: epoch_order(seed=seed, epoch=epoch, size=size, buffer_size=buffer_size)
        )

    def steps(self, first: int, count: int) -> Indices:
        """The indices of `count` steps from step `first` (counted from 0): (count, batch_size) int64."""
        rows = []
        for step in range(first, first + count):
            epoch, position = divmod(step, self.steps_per_epoch)
            start = position * self.batch_size
            rows.append(self._epoch(epoch)[start : start + self.batch_size])
        return np.stack(rows)
