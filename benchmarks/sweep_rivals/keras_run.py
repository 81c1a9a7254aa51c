"""A run with Keras: one epoch by `fit` on arrays, and the test. Three searches share it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from benchmarks.sweep_rivals.work import (
    BATCH_SIZE,
    CHECKPOINT_EVERY,
    LEARNING_RATE,
    LOG_EVERY,
    TEST_BATCH_SIZE,
    read,
    write_accuracy,
)


def run(seed: int, *, data: Path, folder: Path) -> float:
    """Train and test the network of a seed; returns the test accuracy."""
    keras.backend.clear_session()  # as Keras advises where many models are made in one process
    return train_and_test(build(seed), data=data, folder=folder)


def build(seed: int) -> Any:
    """The compiled network."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Flatten(),
            layers.Dense(100, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(LEARNING_RATE),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=LOG_EVERY,  # Keras looks up only so often then: a quarter less time for a run
    )
    return model


def train_and_test(model: Any, *, data: Path, folder: Path, callbacks: Sequence[Any] = ()) -> float:
    """One epoch and the test; returns the test accuracy, which is written into the folder, too."""
    own = [
        keras.callbacks.ModelCheckpoint(
            str(folder / "checkpoints" / "{epoch:02d}-{batch:05d}.keras"), save_freq=CHECKPOINT_EVERY
        ),
        keras.callbacks.TensorBoard(str(folder), update_freq=1),  # of the times that Keras looks up
    ]
    pictures, labels = read(data, "train")
    model.fit(pictures, labels, batch_size=BATCH_SIZE, epochs=1, verbose=0, callbacks=[*callbacks, *own])
    pictures, labels = read(data, "test")
    _, accuracy = model.evaluate(pictures, labels, batch_size=TEST_BATCH_SIZE, verbose=0)
    write_accuracy(folder, float(accuracy))
    return float(accuracy)
