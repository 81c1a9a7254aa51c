"""`random`: the random numbers of a training step of one's own, without any state.

Each is a pure function of (seed, split, step, row of the global batch, number of the draw), so that a resumed run, and
replicas that divide a batch otherwise, draw the same. It is the hash of `exp.data.random_draws`, as TensorFlow's
operations.
"""

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from exp.data.random_draws import INCREMENT, MULTIPLIERS
from exp.errors import UserError


class Draws:
    """Random numbers for the rows of a batch; each call of a method draws others."""

    def __init__(self, *, seed: int, split: int, step: Any, rows: Any) -> None:
        """Draw for a step.

        Args:
            seed: of the run.
            split: 0 in training, 1 in an evaluation.
            step: an integer scalar, the number of steps done before.
            rows: (rows,) integers, which tell a row from all others of that step.
        """
        keys = _mix(tf.constant(seed, tf.uint64) + tf.cast(split, tf.uint64))
        self._rows = _mix(_mix(keys + tf.cast(step, tf.uint64)) + tf.cast(rows, tf.uint64))
        self._graph = graph_here()
        self._draws = 0

    def uniform(self, shape: Sequence[int] = (), low: float = 0.0, high: float = 1.0) -> Any:
        """Numbers from `low` to `high`, without `high`: `(rows, *shape)` float32.

        Args:
            shape: of the numbers for each row.
            low: the smallest number.
            high: the largest.
        """
        whole = tf.cast(_shifted(self._words(shape), 40), tf.float32)  # 24 bits are what a float32 holds
        return whole * 2.0**-24 * (high - low) + low

    def normal(self, shape: Sequence[int] = (), mean: float = 0.0, stddev: float = 1.0) -> Any:
        """Numbers of a normal distribution: `(rows, *shape)` float32.

        Args:
            shape: of the numbers for each row.
            mean: of the distribution.
            stddev: of the distribution.
        """
        between = (tf.cast(_shifted(self._words(shape), 12), tf.float64) + 0.5) * 2.0**-52  # neither 0 nor 1
        return tf.cast(tf.math.ndtri(between), tf.float32) * stddev + mean

    def _words(self, shape: Sequence[int]) -> Any:
        """(rows, *shape) uint64: 64 random bits each."""
        if graph_here() is not self._graph:
            raise UserError(
                "random: is used inside a tf.while_loop, a tf.cond or another tf.function, where each round would draw "
                "the same numbers; draw them before, or loop in Python"
            )
        self._draws += 1
        numbers = tf.range(math.prod(shape), dtype=tf.int64)
        keys = _mix(self._rows + tf.constant(self._draws, tf.uint64))[:, tf.newaxis] + tf.cast(numbers, tf.uint64)
        return tf.reshape(_mix(keys), [-1, *shape])


def _mix(words: Any) -> Any:
    words = words + tf.constant(INCREMENT, tf.uint64)
    words = tf.bitwise.bitwise_xor(words, _shifted(words, 30)) * tf.constant(MULTIPLIERS[0], tf.uint64)
    words = tf.bitwise.bitwise_xor(words, _shifted(words, 27)) * tf.constant(MULTIPLIERS[1], tf.uint64)
    return tf.bitwise.bitwise_xor(words, _shifted(words, 31))


def _shifted(words: Any, places: int) -> Any:
    return tf.bitwise.right_shift(words, tf.constant(places, tf.uint64))


def graph_here() -> Any:
    """The graph that is being made; None where there is none."""
    return None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
