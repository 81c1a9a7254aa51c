"""The network of the handbook for cats and dogs: 3x3x32, pool, 5x5x32, pool, flatten, 64, 2."""

from typing import Any

from pydantic import PositiveInt


def create(*, input_shape: tuple[int, ...], classes: int, filters: PositiveInt, hidden: PositiveInt) -> Any:
    """Two convolutions (valid padding, ReLU) of `filters` with 2x2 max pooling, a dense layer, the logits."""
    import keras

    from exp.model.layers import Conv2D

    return keras.Sequential(
        [
            Conv2D(filters, 3, activation="relu", name="conv1"),
            keras.layers.MaxPooling2D(2, name="pool1"),
            Conv2D(filters, 5, activation="relu", name="conv2"),
            keras.layers.MaxPooling2D(2, name="pool2"),
            keras.layers.Flatten(name="flatten"),
            keras.layers.Dense(hidden, activation="relu", name="dense1"),
            keras.layers.Dense(classes, name="dense2"),
        ],
        name="conv_catsdogs",
    )
