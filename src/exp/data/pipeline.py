"""From an order of indices to a `tf.data.Dataset` of the batches that calls take.

A call is one trip from Python into TensorFlow: one or more training steps. Every element has the same shape, so that
nothing is ever retraced; rows that are not needed are asked for with the index -1.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from exp.data.images.transforms import ImageTransforms
from exp.data.in_memory_batches import InMemoryBatches
from exp.data.order import Indices, Order
from exp.data.random_draws import uniform
from exp.data.split import Split, as_written


class Call(NamedTuple):
    """Training steps that run in one call."""

    first: int
    """The number of steps already done when the call begins."""
    steps: int
    detailed: bool = False
    """Whether it is a single step that also shows its details, such as gradients."""


@dataclass(frozen=True)
class Feed:
    """How batches are made, the same for training and testing."""

    batch_size: int
    steps_per_call: int
    transforms: ImageTransforms
    threads: int
    """The number of threads that read, decode and transform examples."""
    prefetch: int
    """The number of calls whose batches are made ready ahead."""
    seed: int = 0
    """Of the random numbers for transforms."""
    rows: slice | None = None
    """The rows of each batch that are made, if other processes train with the others; None: all."""

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of the indices of a call: (steps_per_call, rows)."""
        return self.steps_per_call, self.rows.stop - self.rows.start if self.rows else self.batch_size


def plan_calls(
    *,
    first: int,
    last: int,
    steps_per_call: int,
    every: int | Sequence[int],
    detailed: Sequence[int] = (),
    ends: Sequence[int] = (),
) -> list[Call]:
    """Divide the steps from `first` to `last` into calls.

    Args:
        first: steps done so far.
        last: steps done in the end.
        steps_per_call: the most that a call takes.
        every: no call runs past a multiple of this (a checkpoint), or of one of these.
        detailed: each step that is a multiple of one of these is a call of its own, and detailed.
        ends: further steps that no call runs past.
    """
    calls = []
    periods = [every] if isinstance(every, int) else every
    while first < last:
        due = min(((first // period + 1) * period for period in detailed), default=last + 1)
        if due == first + 1:
            calls.append(Call(first, 1, detailed=True))
            first = due
            continue
        stop = min(
            [
                *(first + steps_per_call, last, due - 1),
                *((first // period + 1) * period for period in periods),
                *(end for end in ends if end > first),
            ]
        )
        calls.append(Call(first, stop - first))
        first = stop
    return calls


def training_batches(split: Split, order: Order, calls: list[Call], feed: Feed) -> Any:
    """What `training_dataset` has, to be iterated: by NumPy if the split lies in memory, else by `tf.data`."""
    if split.rows is None or feed.transforms:
        return training_dataset(split, order, calls, feed)
    rows = split.rows
    return InMemoryBatches(len(calls), lambda number: rows(_indices(order, calls[number], feed)), feed.prefetch)


def evaluation_batches(split: Split, feed: Feed) -> Any:
    """What `evaluation_dataset` has, to be iterated: by NumPy if the split lies in memory, else by `tf.data`."""
    if split.rows is None or feed.transforms:
        return evaluation_dataset(split, feed)
    rows = split.rows

    def make(number: int) -> Any:
        indices = _in_order(split, number, feed)
        return *rows(indices), indices >= 0

    return InMemoryBatches(_calls_over(split, feed), make, feed.prefetch)


def _indices(order: Order, call: Call, feed: Feed) -> Indices:
    """The training examples of a call: `feed.shape`, with -1 for the steps that are not taken."""
    rows = np.full(feed.shape, -1, np.int64)
    rows[: call.steps] = order.steps(call.first, call.steps)[:, feed.rows or slice(None)]
    return rows


def _in_order(split: Split, number: int, feed: Feed) -> Indices:
    """The examples of a call of an evaluation: `feed.shape`, with -1 for what fills up the last one."""
    per_call = feed.steps_per_call * feed.batch_size
    flat = np.arange(number * per_call, (number + 1) * per_call, dtype=np.int64)
    batches = np.where(flat < split.size, flat, -1).reshape(feed.steps_per_call, feed.batch_size)
    return np.ascontiguousarray(batches[:, feed.rows or slice(None)])


def _calls_over(split: Split, feed: Feed) -> int:
    return -(-split.size // (feed.steps_per_call * feed.batch_size))


def training_dataset(split: Split, order: Order, calls: list[Call], feed: Feed) -> Any:
    """A `tf.data.Dataset` with an element for each call.

    Each element is (features, targets) with the shape (steps_per_call, rows, ...), where `rows` are those of the feed;
    only the first `call.steps` of it are meant.
    """
    import tensorflow as tf

    def indices(number: int) -> Indices:
        return _indices(order, calls[number], feed)

    def draws(number: int) -> Any:
        call = calls[number]
        epochs = np.arange(call.first, call.first + feed.steps_per_call) // order.steps_per_epoch
        rows = indices(number)
        return uniform(
            seed=feed.seed,
            epoch=np.broadcast_to(epochs[:, np.newaxis], rows.shape),
            index=rows,
            draws=feed.transforms.draws,
        )

    dataset = split.read(_numbered(len(calls), indices, tf.int64, feed.shape), feed.threads)
    if feed.transforms:
        numbers = _numbered(len(calls), draws, tf.float64, (*feed.shape, feed.transforms.draws))
        dataset = tf.data.Dataset.zip((dataset, numbers)).map(
            as_written(lambda batch, numbers: (feed.transforms.train(batch[0], numbers), batch[1])),
            num_parallel_calls=feed.threads,
            deterministic=True,
        )
    return _untuned(dataset.prefetch(feed.prefetch))


def evaluation_dataset(split: Split, feed: Feed) -> Any:
    """A `tf.data.Dataset` with every example exactly once, in order.

    Each element is (features, targets, counts) with the shape (steps_per_call, rows, ...); `counts` is bool, and False
    for the rows that fill up the last element.
    """
    import tensorflow as tf

    def indices(number: int) -> Indices:
        return _in_order(split, number, feed)

    requests = _numbered(_calls_over(split, feed), indices, tf.int64, feed.shape)
    counts = requests.map(as_written(lambda rows: rows >= 0))
    dataset = tf.data.Dataset.zip((split.read(requests, feed.threads), counts))

    def element(batch: Any, counts: Any) -> tuple[Any, Any, Any]:
        features, targets = batch
        return (feed.transforms.test(features) if feed.transforms else features), targets, counts

    parallel = {"num_parallel_calls": feed.threads, "deterministic": True} if feed.transforms else {}
    dataset = dataset.map(as_written(element), **parallel)
    return _untuned(dataset.prefetch(feed.prefetch))


def _untuned(dataset: Any) -> Any:
    """The data set as it is written here: its threads and how far it reads ahead are chosen, not tuned.

    tf.data's tuning thread is not always woken when the data set's iterator is closed, and then a run waits at its end
    until 5 seconds after its first step (TensorFlow 2.21). Its rewriting of the data set takes 30 ms of each start.
    """
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    return dataset.with_options(options)


def _numbered(count: int, function: Callable[[int], Any], kind: Any, shape: tuple[int, ...]) -> Any:
    """A `tf.data.Dataset` of what a function gives for 0, 1, ... `count` - 1."""
    import tensorflow as tf

    def element(number: Any) -> Any:
        return tf.ensure_shape(tf.numpy_function(function, [number], kind, stateful=False), shape)

    return tf.data.Dataset.range(count).map(as_written(element))
