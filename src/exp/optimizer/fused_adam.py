"""Keras's Adam with its update in one operation. Imports TensorFlow: import it inside a constructor only."""

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="exp")
class Adam(keras.optimizers.Adam):  # type: ignore[misc]
    """Adam (Kingma and Ba, 2015, arXiv:1412.6980), with the variables of Keras's own and the same formula.

    Keras 3.15 computes an update by fourteen operations, each of which reads and writes whole tensors; TensorFlow's
    `ResourceApplyAdam` makes one pass. It takes 1 - beta in float32 where Keras takes it in Python's double precision,
    so that results differ in last bits; checkpoints of one are checkpoints of the other.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One variable's update; what the operation does not cover is left to Keras."""
        if self.amsgrad or isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, learning_rate)
            return
        kind = variable.dtype
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, kind)
        beta_1, beta_2 = tf.constant(self.beta_1, kind), tf.constant(self.beta_2, kind)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(beta_1, step),
            beta2_power=tf.pow(beta_2, step),
            lr=tf.cast(learning_rate, kind),
            beta1=beta_1,
            beta2=beta_2,
            epsilon=tf.constant(self.epsilon, kind),
            grad=tf.cast(gradient, kind),
        )
