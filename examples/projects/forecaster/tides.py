"""PYTHONPATH=. python ../../../run.py --config-dir=conf data=tides model=forecaster task=regression trusted_targets=[tides.] train.epochs=20

A forecast of a time series: from the last day of a tide, hour by hour, the next hours. The network gives them one after the
other, each from the one before, in a loop that collects them in a `tf.TensorArray`.
"""

import keras
import numpy as np
import tensorflow as tf

import exp.data


def load(*, hours: int = 3000, known: int = 24, ahead: int = 6):
    """Two tides that drift against each other, in metres; the last third of the time is for testing."""
    time = np.arange(hours)
    noise = np.random.default_rng(0).normal(0, 0.05, hours)
    level = np.sin(time * 2 * np.pi / 12.42) + 0.4 * np.sin(time * 2 * np.pi / 12.0) + noise
    places = np.arange(hours - known - ahead)[:, None]
    before, after = level[places + np.arange(known)], level[places + known + np.arange(ahead)]
    cut = len(places) * 2 // 3
    later = cut + known + ahead  # no hour is in both splits
    return exp.data.arrays(train=(before[:cut], after[:cut]), test=(before[later:], after[later:]), name="tides")


class Forecaster(keras.Model):
    """A recurrent network that goes on with what it has said itself."""

    def __init__(self, ahead: int, units: int):
        super().__init__()
        self.ahead = ahead
        self.memory = keras.layers.GRU(units, return_state=True)
        self.cell = keras.layers.GRUCell(units)
        self.level = keras.layers.Dense(1)

    def call(self, before, training=False):
        """(batch, known) to (batch, ahead)."""
        _, state = self.memory(before[:, :, tf.newaxis], training=training)
        said = before[:, -1:]
        levels = tf.TensorArray(tf.float32, size=self.ahead, element_shape=(None, 1))
        for hour in range(self.ahead):
            output, (state,) = self.cell(said, [state], training=training)
            said = said + self.level(output)
            levels = levels.write(hour, said)
        return tf.transpose(levels.stack()[:, :, 0])


def create(*, inputs, targets, units: int = 16):
    """A forecast of as many hours as the targets have."""
    model = Forecaster(targets.shape[0], units)
    model(tf.zeros((1, *inputs.shape)))
    return model
