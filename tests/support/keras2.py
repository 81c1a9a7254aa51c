"""Writes checkpoints as TensorFlow 2.0 to 2.15 did, with Keras 2: `python -m tests.support.keras2 FOLDER MNIST`.

Prints, as JSON, the accuracy of each model on the test pictures: what an import has to reach exactly.
"""

import json
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras


class MLP(tf_keras.Model):
    """The multilayer perceptron, a layer an attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.flatten = tf_keras.layers.Flatten()
        self.dense1 = tf_keras.layers.Dense(100, activation="relu")
        self.dense2 = tf_keras.layers.Dense(10)

    def call(self, pictures):
        return self.dense2(self.dense1(self.flatten(pictures)))


class Renamed(MLP):
    """The same under other names."""

    def __init__(self) -> None:
        tf_keras.Model.__init__(self)
        self.flatten = tf_keras.layers.Flatten()
        self.body = tf_keras.layers.Dense(100, activation="relu")
        self.head = tf_keras.layers.Dense(10)

    def call(self, pictures):
        return self.head(self.body(self.flatten(pictures)))


def pile() -> tf_keras.Model:
    """The same as a `Sequential`, whose layers have numbers."""
    layers = tf_keras.layers
    return tf_keras.Sequential([layers.Flatten(), layers.Dense(100, activation="relu"), layers.Dense(10)])


def main(folder: Path, mnist: Path) -> None:
    pictures = [
        np.frombuffer((mnist / name).read_bytes(), np.uint8, offset=16)
        for name in ("train-images-idx3-ubyte", "t10k-images-idx3-ubyte")
    ]
    labels = [
        np.frombuffer((mnist / name).read_bytes(), np.uint8, offset=8)
        for name in ("train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte")
    ]
    train, test = (tf.constant(part.reshape(-1, 28, 28, 1) / np.float32(255)) for part in pictures)
    makers = {
        "subclass": (MLP, tf_keras.optimizers.legacy.Adam),
        "renamed": (Renamed, tf_keras.optimizers.Adam),
        "pile": (pile, tf_keras.optimizers.Adam),
    }
    accuracies = {}
    for name, (make, make_optimizer) in makers.items():
        model, optimizer = make(), make_optimizer()
        for _ in range(10):
            with tf.GradientTape() as tape:
                losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
                    labels=labels[0].astype(np.int32), logits=model(train)
                )
                loss = tf.reduce_mean(losses)
            optimizer.apply_gradients(zip(tape.gradient(loss, model.variables), model.variables, strict=True))
        checkpoint = tf.train.Checkpoint(myAwesomeModel=model, myAwesomeOptimizer=optimizer)
        checkpoint.save(str(folder / name / "model.ckpt"))
        accuracies[name] = float(np.mean(np.argmax(model(test), axis=1) == labels[1]))
    print(json.dumps(accuracies))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
