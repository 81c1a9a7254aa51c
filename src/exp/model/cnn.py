"""The convolutional network of the handbook: 5x5x32, pool, 5x5x64, pool, 1024, 10 on MNIST."""

from typing import Annotated, Any

from pydantic import Field, PositiveInt


def create(
    *,
    input_shape: tuple[int, ...],
    classes: int,
    filters: Annotated[list[PositiveInt], Field(min_length=1)],
    kernel_size: PositiveInt,
    hidden: PositiveInt,
) -> Any:
    """A convolution (same padding, ReLU) with 2x2 max pooling for each of `filters`, a dense layer, the logits."""
    import keras

    from exp.model.layers import Conv2D

    smallest = min(input_shape[:2]) // 2 ** len(filters)
    if smallest < 1:
        raise ValueError(f"model.filters={filters}: pooling leaves nothing of {input_shape[0]}x{input_shape[1]} pixels")
    layers: list[Any] = []
    for number, count in enumerate(filters, 1):
        convolution = Conv2D(count, kernel_size, padding="same", activation="relu", name=f"conv{number}")
        layers += [convolution, keras.layers.MaxPooling2D(2, name=f"pool{number}")]
    layers += [
        keras.layers.Flatten(name="flatten"),
        keras.layers.Dense(hidden, activation="relu", name="dense1"),
        keras.layers.Dense(classes, name="dense2"),
    ]
    return keras.Sequential(layers, name="cnn")
