"""Networks for tests: with everything that has a state of its own, broken in many ways, slow, talkative."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from pydantic import PositiveInt

DEADLY_CALL = 150


def noisy(*, input_shape: tuple[int, ...], classes: int, hidden: PositiveInt) -> Any:
    """Two blocks of a dense layer, batch normalisation and dropout, and the logits."""
    import keras

    class Noisy(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.flatten = keras.layers.Flatten()
            self.blocks = [
                {
                    "dense": keras.layers.Dense(hidden, activation="relu"),
                    "norm": keras.layers.BatchNormalization(),
                    "drop": keras.layers.Dropout(0.3),
                }
                for _ in range(2)
            ]
            self.logits = keras.layers.Dense(classes)

        def call(self, pictures: Any, training: bool = False) -> Any:
            values = self.flatten(pictures)
            for block in self.blocks:
                values = block["norm"](block["dense"](values), training=training)
                values = block["drop"](values, training=training)
            return self.logits(values)

    return Noisy()


def dropping(*, input_shape: tuple[int, ...], classes: int) -> Any:
    """A dense layer, dropout, and the logits."""
    import keras

    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input(input_shape),
            layers.Flatten(),
            layers.Dense(32, "relu"),
            layers.Dropout(0.3),
            layers.Dense(classes),
        ]
    )


def linear(*, inputs: Any, targets: Any) -> Any:
    """A linear function of the features, which begins with zeros."""
    import keras

    layers = keras.layers
    return keras.Sequential([layers.Input(inputs.shape), layers.Dense(targets.shape[-1], kernel_initializer="zeros")])


def fragile(*, input_shape: tuple[int, ...], classes: int, number: int, raises: int, dies: int, misshapen: int) -> Any:
    """A small network, one of whose numbered copies each goes wrong in its own way, until a file `mended` is there."""
    import keras
    import tensorflow as tf

    bad = not Path("mended").exists()
    if bad and number == raises:
        raise RuntimeError("the network is out of order")

    class Deadly(keras.layers.Layer):
        calls = 0

        def call(self, pictures: Any) -> Any:
            def count(pictures: Any) -> Any:
                Deadly.calls += 1
                if bad and number == dies and Deadly.calls == DEADLY_CALL:
                    os.kill(os.getpid(), signal.SIGKILL)
                return pictures

            return tf.ensure_shape(tf.numpy_function(count, [pictures], tf.float32), pictures.shape)

    layers = [Deadly(), keras.layers.Flatten(), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(classes)]
    return keras.Sequential(layers[:-1] if bad and number == misshapen else layers)


def leisurely(*, input_shape: tuple[int, ...], classes: int) -> Any:
    """A small network whose training steps take so long in `exec=eager` as the environment says."""
    import keras

    pause = float(os.environ.get("EXP_TEST_PAUSE", "0"))

    class Pause(keras.layers.Layer):
        def call(self, pictures: Any, training: bool = False) -> Any:
            if training:
                time.sleep(pause)
            return pictures

    return keras.Sequential([Pause(), keras.layers.Flatten(), keras.layers.Dense(16), keras.layers.Dense(classes)])


def talkative(*, input_shape: tuple[int, ...], classes: int, words: bool) -> Any:
    """A small network that logs something of each kind; words, which XLA does not know, where they are wanted."""
    import keras
    import tensorflow as tf

    from exp import summary

    class Talking(keras.layers.Layer):
        def call(self, pictures: Any) -> Any:
            summary.scalar("MyScalar", tf.reduce_mean(pictures))
            summary.image("digits/first", pictures)
            waves = tf.reshape(pictures, (-1, pictures.shape[1] * pictures.shape[2], 1))
            summary.audio("sound", waves, sample_rate=8000)
            summary.histogram("pixels", pictures)
            if words:
                summary.text("words", "so **many** words")
            return pictures

    return keras.Sequential([Talking(), keras.layers.Flatten(), keras.layers.Dense(classes)])


def unusual(*, input_shape: tuple[int, ...], classes: int, kind: str) -> Any:
    """A small network with something that few have."""
    import keras
    import tensorflow as tf

    if kind == "exits":
        raise SystemExit(0)
    layers = keras.layers
    pictures = keras.Input(input_shape)
    hidden = layers.Dense(8)(layers.Flatten()(pictures))
    logits = layers.Dense(classes, dtype="float64" if kind == "float64" else None)(hidden)
    if kind == "counts":

        class Counting(keras.Model):
            def __init__(self) -> None:
                super().__init__()
                self.calls = tf.Variable(0, trainable=False)
                self.inner = keras.Model(pictures, logits)

            def call(self, pictures: Any) -> Any:
                self.calls.assign_add(1)
                return self.inner(pictures)

        return Counting()
    model = keras.Model(pictures, [logits, hidden] if kind == "two" else logits)
    model.trainable = kind != "frozen"
    return model


def plain(*, inputs: Any, targets: Any) -> Any:
    """A dense network of one output, for tables."""
    import keras

    del targets
    layers = [keras.layers.Input(inputs.shape), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1)]
    return keras.Sequential(layers)


def recurrent(*, inputs: Any, classes: int) -> Any:
    """A logit for each class at each position of a sequence of whole numbers."""
    import keras

    layers = [
        keras.layers.Embedding(classes, 4),
        keras.layers.GRU(4, return_sequences=True),
        keras.layers.Dense(classes),
    ]
    return keras.Sequential([keras.layers.Input(inputs.shape, dtype=inputs.dtype.name), *layers])
