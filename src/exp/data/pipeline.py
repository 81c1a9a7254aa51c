"""From an order of indices to a `tf.data.Dataset` of the batches that calls take.

A call is one trip from Python into TensorFlow: one or more training steps. Every element has the same shape, so that
nothing is ever retraced; what is not needed of it is filled with -1.
"""

from typing import Any, NamedTuple

import numpy as np

from exp.data.base import Part
from exp.data.order import Indices, Order


class Call(NamedTuple):
    """Training steps that run in one call."""

    first: int
    """The number of steps already done when the call begins."""
    steps: int


def plan_calls(*, first: int, last: int, steps_per_call: int, every: int) -> list[Call]:
    """Divide the steps from `first` to `last` into calls that never run past a multiple of `every` (a checkpoint)."""
    calls = []
    while first < last:
        stop = min(first + steps_per_call, last, (first // every + 1) * every)
        calls.append(Call(first, stop - first))
        first = stop
    return calls


def training_dataset(part: Part, order: Order, calls: list[Call], *, steps_per_call: int, prefetch: int) -> Any:
    """A data set with an element for each call.

    Each element is (pictures, labels) with the shape (steps_per_call, batch_size, ...); only the first `call.steps`
    rows are meant.
    """

    def indices(number: int) -> Indices:
        call = calls[number]
        rows = np.full((steps_per_call, order.batch_size), -1, np.int64)
        rows[: call.steps] = order.steps(call.first, call.steps)
        return rows

    return _dataset(part, len(calls), indices, (steps_per_call, order.batch_size), prefetch)


def test_dataset(part: Part, *, batch_size: int, steps_per_call: int, prefetch: int) -> Any:
    """Every example exactly once, in order; the rows that fill up the last element have the label -1."""
    per_call = steps_per_call * batch_size
    count = -(-part.size // per_call)

    def indices(number: int) -> Indices:
        flat = np.arange(number * per_call, (number + 1) * per_call, dtype=np.int64)
        return np.where(flat < part.size, flat, -1).reshape(steps_per_call, batch_size)

    return _dataset(part, count, indices, (steps_per_call, batch_size), prefetch)


def _dataset(part: Part, count: int, indices: Any, shape: tuple[int, int], prefetch: int) -> Any:
    import tensorflow as tf

    def load(number: Any) -> tuple[Any, Any]:
        rows = tf.numpy_function(indices, [number], tf.int64, stateful=False)
        return part.load(tf.ensure_shape(rows, shape))

    return tf.data.Dataset.range(count).map(load).prefetch(prefetch)
