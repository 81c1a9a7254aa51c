"""What NumPy gathers is what `tf.data` would give; its thread ends with whoever asked for the batches."""

import threading
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from exp.data import (
    Feed,
    ImageTransforms,
    Order,
    Spec,
    Weighted,
    array_split,
    evaluation_batches,
    evaluation_dataset,
    plan_calls,
    training_batches,
    training_dataset,
)
from exp.data.in_memory_batches import InMemoryBatches
from exp.data.validation import subset

SIZE = 23
NUMBERS = np.arange(SIZE)
SPLITS = {
    "pictures": lambda: array_split(np.tile(NUMBERS[:, None, None, None], (1, 2, 2, 1)).astype(np.uint8), NUMBERS),
    "structures": lambda: array_split(
        {"a": NUMBERS.astype(np.float64), "b": (np.stack([NUMBERS] * 3, 1),)}, (NUMBERS.astype(np.float16),)
    ),
    "weighted": lambda: array_split(NUMBERS, Weighted(NUMBERS, np.linspace(0, 1, SIZE, dtype=np.float32))),
    "words": lambda: array_split(np.array([f"word {n}" for n in NUMBERS]), NUMBERS.tolist()),
    "no targets": lambda: array_split(NUMBERS.astype(np.float32)),
    "mapped": lambda: array_split(np.asfortranarray(np.stack([NUMBERS] * 4, 1)), NUMBERS, copied=False),
    "a part": lambda: subset(array_split(NUMBERS, NUMBERS), np.array([20, 3, 7, 9, 1, 0, 22])),
}


def feed(**other) -> Feed:
    plain = ImageTransforms([], features=Spec((), "int64"))
    return Feed(**{"batch_size": 4, "steps_per_call": 3, "transforms": plain, "threads": 2, "prefetch": 2} | other)


def same(tf, these, those) -> None:
    these, those = list(these), list(those)
    assert len(these) == len(those) > 1
    for one, other in zip(these, those, strict=True):
        tf.nest.assert_same_structure(one, other)
        for left, right in zip(tf.nest.flatten(one), tf.nest.flatten(other), strict=True):
            assert left.dtype == right.dtype
            np.testing.assert_array_equal(left.numpy(), right.numpy())


@pytest.mark.parametrize("rows", [None, slice(1, 3)])
@pytest.mark.parametrize("name", SPLITS)
def test_the_elements_are_those_of_tf_data(tf, name, rows):
    split = SPLITS[name]()
    order = Order(seed=3, size=split.size, buffer_size=5, batch_size=4)
    calls = plan_calls(first=1, last=12, steps_per_call=3, every=4)
    how = feed(rows=rows)
    batches = training_batches(split, order, calls, how)
    assert isinstance(batches, InMemoryBatches)
    for _ in range(2):  # they can be iterated again
        same(tf, batches, training_dataset(split, order, calls, how))
    small = feed(rows=rows, batch_size=2, steps_per_call=1) if rows is None else how
    if split.size > 12 or rows is None:
        same(tf, evaluation_batches(split, small), evaluation_dataset(split, small))


def test_a_split_with_another_way_to_read_is_read_that_way(tf):
    split = array_split(NUMBERS, NUMBERS)
    other = array_split(NUMBERS + 100, NUMBERS)
    order = Order(seed=3, size=split.size, buffer_size=5, batch_size=4)
    calls = plan_calls(first=0, last=6, steps_per_call=3, every=3)
    slow = replace(split, read=partial(other.read))
    assert slow.rows is None
    assert min(features.numpy().min() for features, _ in training_batches(slow, order, calls, feed())) >= 100


def test_what_cannot_be_read_is_raised_where_it_is_due(tf):
    def make(number: int):
        if number == 2:
            raise OSError("the disk is gone")
        return np.full(3, number)

    batches = iter(InMemoryBatches(5, make, prefetch=2))
    assert [next(batches).numpy()[0] for _ in range(2)] == [0, 1]
    with pytest.raises(OSError, match="the disk is gone"):
        next(batches)
    with pytest.raises(StopIteration):
        next(batches)


def test_it_reads_so_far_ahead_and_no_further(tf):
    made = []
    read = threading.Semaphore(0)

    def make(number: int):
        made.append(number)
        read.release()
        return np.array(number)

    batches = iter(InMemoryBatches(10, make, prefetch=2))
    assert next(batches).numpy() == 0
    for _ in range(3):
        assert read.acquire(timeout=10)
    assert made == [0, 1, 2]
    batches.close()
    assert made == [0, 1, 2]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("batches")]
