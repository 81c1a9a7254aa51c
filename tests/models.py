"""A network with everything that has a state of its own: layers in a list, dropout, batch normalisation."""

from typing import Any

from pydantic import PositiveInt


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
