"""The multilayer perceptron of the handbook: 784-100-10 on MNIST."""

from typing import Any

from pydantic import PositiveInt


def create(*, input_shape: tuple[int, ...], classes: int, hidden: PositiveInt) -> Any:
    """A hidden layer of `hidden` units with ReLU between flattened pixels and the logits."""
    import keras

    return keras.Sequential(
        [
            keras.layers.Flatten(name="flatten"),
            keras.layers.Dense(hidden, activation="relu", name="dense1"),
            keras.layers.Dense(classes, name="dense2"),
        ],
        name="mlp",
    )
