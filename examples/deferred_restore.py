"""A restore before the model's first call: Keras 3 raises nothing, and computes with other values."""

import tempfile

import tensorflow as tf


class Net(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.out = tf.keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")

    def call(self, x):
        return self.out(x)


x = tf.ones((1, 3))
trained = Net()
trained(x)
trained.out.kernel.assign([[1.0], [2.0], [3.0]])
prefix = tf.train.Checkpoint(model=trained).save(tempfile.mkdtemp() + "/demo")
print("trained:             ", trained(x).numpy())

early = Net()
status = tf.train.Checkpoint(model=early).restore(prefix).assert_existing_objects_matched()
print("restored, then built:", early(x).numpy())
try:
    status.assert_existing_objects_matched()
except AssertionError:
    print("                      the same question, asked after the call, raises")

late = Net()
late(x)
tf.train.Checkpoint(model=late).restore(prefix).assert_existing_objects_matched()
print("built, then restored:", late(x).numpy())
