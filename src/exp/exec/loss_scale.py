"""`train.precision=mixed_float16`: the loss is scaled, and a step whose gradients overflow is skipped."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from exp.exec.averages import tensorflow_variable

FIRST = 2.0**15
"""The scale that a run begins with, as in Keras and PyTorch."""
STEPS_TO_DOUBLE = 2000
"""Number of steps in a row without an overflow after which the scale is doubled."""
LEAST = 1.0
"""If the scale falls below it, no scale helps: gradients are not finite for another reason."""


class LossScale(tf.Module):  # type: ignore[misc]
    """The factor of the loss, and the number of steps without overflow (Micikevicius et al., 2018, arXiv:1710.03740).

    A step that overflows changes no weight and nothing of the optimizer but its count of steps, so that a schedule goes
    by the steps of the run.
    """

    def __init__(self, *, strategy: Any) -> None:
        """Make the variables. To be called in the executor's scope."""
        super().__init__(name="loss_scale")
        self._strategy = strategy
        with strategy.scope():
            self.value = tf.Variable(FIRST, trainable=False, name="value")
            self.steps = tf.Variable(0, trainable=False, name="steps")

    def guard(self, variables: Sequence[Any]) -> Callable[[Any], None]:
        """Remember variables before a step; returns what takes a step back. To be called outside of the replicas.

        Args:
            variables: all that a step may change, as Keras or TensorFlow has them.
        """
        kept = [tensorflow_variable(variable) for variable in variables]
        before = [tf.identity(variable.read_value()) for variable in kept]

        def settle(is_finite: Any) -> None:
            for variable, value in zip(kept, before, strict=True):
                self._strategy.extended.update(
                    variable,
                    lambda held, was: held.assign(tf.where(is_finite, held, was)),
                    args=(value,),
                    group=True,
                )
            self._adapt(is_finite)

        return settle

    def _adapt(self, is_finite: Any) -> None:
        """Halve the scale after an overflow; double it after many steps without one."""
        steps = tf.where(is_finite, self.steps.read_value() + 1, 0)
        doubles = steps >= STEPS_TO_DOUBLE
        factor = tf.where(is_finite, tf.where(doubles, 2.0, 1.0), 0.5)
        scale = self.value.read_value() * factor
        self._strategy.extended.update(self.value, lambda held, new: held.assign(new), args=(scale,), group=True)
        self._strategy.extended.update(
            self.steps, lambda held, new: held.assign(new), args=(tf.where(doubles, 0, steps),), group=True
        )
