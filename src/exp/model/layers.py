"""Layers that compute the same in every execution mode. Imports TensorFlow: import it inside a constructor only."""

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="exp")
class Conv2D(keras.layers.Conv2D):  # type: ignore[misc]
    """Keras's convolution with its bias added by a plain addition, channels last.

    Keras adds a bias with `BiasAdd`. In a graph on a CPU, TensorFlow 2.21 merges that operation's gradient into the
    gradient of the kernel, which sums in another order than eager execution does: relative differences of 2e-6 in
    one step, and of 4e-3 in the loss after 50. The gradient of a plain addition is a plain sum everywhere, and no
    slower. See docs/adr/0003-same-numbers-in-every-mode.md.
    """

    def call(self, inputs: Any) -> Any:
        """(batch, height, width, channels) to (batch, height', width', filters)."""
        outputs = self.convolution_op(inputs, self.kernel)
        if self.use_bias:
            outputs = tf.add(outputs, tf.reshape(self.bias, (1, 1, 1, self.filters)))
        return self.activation(outputs)
