"""`train.ema`: averages of the trained weights, by which a model is evaluated, selected and exported."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf


class Averages(tf.Module):  # type: ignore[misc]
    """An exponential moving average of each trained weight, in float32.

    The decay after n steps is min(decay, (1 + n) / (10 + n)), as in `tf.train.ExponentialMovingAverage`, so that the
    first weights, which are random, are soon forgotten. What is not trained, such as the statistics of batch
    normalization, has no average: it stays as the model has it.
    """

    def __init__(self, weights: Sequence[Any], *, decay: float, strategy: Any) -> None:
        """Make the averages; their values are those of no step yet. To be called in the executor's scope.

        Args:
            weights: the trained variables of a built model.
            decay: from 0 to 1.
            strategy: whose replicas hold the weights.
        """
        super().__init__(name="averages")
        self._decay, self._strategy = decay, strategy
        # TensorFlow would count what a list holds as a part of this object.
        self._of: Callable[[], Sequence[Any]] = lambda: weights
        with strategy.scope():
            self.values = [
                tf.Variable(tf.zeros(weight.shape, weight.dtype), trainable=False, name=f"average_{number}")
                for number, weight in enumerate(weights)
            ]

    @property
    def of(self) -> tuple[Any, ...]:
        """The weights, in the order of the averages."""
        return tuple(self._of())

    def follow(self, number: Any, counts: Any = None) -> None:
        """Move the averages towards the weights. To be called outside of the replicas.

        Args:
            number: of steps done before, an integer scalar.
            counts: a bool scalar: False if the step was skipped; None: it never is.
        """
        done = tf.cast(number, tf.float32)
        share = 1 - tf.minimum(self._decay, (1 + done) / (10 + done))
        if counts is not None:
            share *= tf.cast(counts, tf.float32)
        for average, weight in zip(self.values, self.of, strict=True):
            self._strategy.extended.update(
                average,
                lambda held, now: held.assign_sub((held - now) * tf.cast(share, held.dtype)),
                args=(tensorflow_variable(weight),),
                group=True,
            )


def tensorflow_variable(variable: Any) -> Any:
    """The TensorFlow variable of a Keras variable, or the one that a model has beside those."""
    return variable if isinstance(variable, tf.Variable) else variable.value
