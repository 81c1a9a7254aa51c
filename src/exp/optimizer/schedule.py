"""`schedule`: the learning rate over the steps of a run. Imports TensorFlow: import it inside a constructor only.

A run counts its steps from 0, and so does the rate: that of step 0 is the first one that is used.
"""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from exp.config.schedules import ConstantSchedule, CosineSchedule, LinearSchedule, Schedule, StepSchedule, steps_of


class RunSchedule(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """A learning rate that rises in a warm-up, and then follows its curve to the end of the run."""

    def __init__(self, asked: Schedule, *, peak: float, total: int) -> None:
        """Make a schedule. To be called in the scope of the executor and of the strategy.

        Args:
            asked: what the configuration asks for.
            peak: the learning rate after the warm-up.
            total: the steps of the run.
        """
        self._asked, self._peak, self._total = asked, peak, total
        self._warmup = steps_of(asked.warmup, total)
        self.factor = tf.Variable(1.0, trainable=False, name="rate_factor")
        """By which the rate is multiplied; a run that was rewound has a smaller one."""
        self.before = tf.Variable(0.0, trainable=False, name="steps_before")
        """The optimizer's count of steps when the run began: an optimizer that was taken from another run has some."""

    def __call__(self, step: Any) -> Any:
        """The rate for an optimizer's count of steps, as a float32 scalar tensor."""
        rates = _rates(tf, tf.cast(step, tf.float32) - self.before, self._asked, warmup=self._warmup, total=self._total)
        return tf.cast(self._peak * rates, tf.float32) * self.factor

    def at(self, step: int) -> float:
        """The rate of a step, without the factor of rewinds."""
        rates = _rates(np, np.float32(step), self._asked, warmup=self._warmup, total=self._total)
        return float(np.float32(self._peak * rates))

    def get_config(self) -> dict[str, Any]:
        """What makes it."""
        return {"asked": self._asked.model_dump(), "peak": self._peak, "total": self._total}


def _rates(xp: Any, step: Any, asked: Schedule, *, warmup: int, total: int) -> Any:
    """The rate as a factor of its peak, by TensorFlow or by NumPy."""
    after = xp.maximum(step - warmup, 0.0)
    part = after / max(total - warmup, 1)
    match asked:
        case ConstantSchedule():
            curve = xp.ones_like(part)
        case CosineSchedule(end=end):
            curve = end + (1 - end) * 0.5 * (1 + xp.cos(math.pi * part))
        case LinearSchedule(end=end):
            curve = 1 - (1 - end) * part
        case StepSchedule(every=every, factor=factor):
            power = np.power if xp is np else tf.pow
            curve = power(xp.ones_like(part) * factor, xp.floor(after / max(steps_of(every, total), 1)))
    return xp.where(step < warmup, (step + 1) / max(warmup, 1), curve)
