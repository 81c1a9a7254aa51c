"""Small networks of every kind that can be saved, each an unbuilt or half-built thing as a user would write it."""

from typing import Any

SIZE = 4


def subclassed(*, with_build: bool, nested: bool) -> Any:
    """Layers as attributes, in a list and in a dict, with dropout and batch normalisation."""
    import keras

    class Block(keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.inner = keras.layers.Dense(5)

        def call(self, values: Any) -> Any:
            return self.inner(values)

    class Net(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.first = keras.layers.Dense(6, activation="relu")
            self.several = [keras.layers.Dense(5), Block() if nested else keras.layers.Dense(5)]
            self.named = {"norm": keras.layers.BatchNormalization()}
            self.drop = keras.layers.Dropout(0.5)
            self.last = keras.layers.Dense(3)

        def call(self, values: Any, training: bool = False) -> Any:
            values = self.first(values)
            for layer in self.several:
                values = layer(values)
            return self.last(self.drop(self.named["norm"](values, training=training), training=training))

    class BuiltNet(Net):
        def build(self, shape: Any) -> None:
            self.first.build(shape)
            self.several[0].build((None, 6))
            self.several[1].build((None, 5))
            self.named["norm"].build((None, 5))
            self.last.build((None, 5))
            self.built = True

    return BuiltNet() if with_build else Net()


def sequential(*, with_input: bool) -> Any:
    """A pile of layers."""
    import keras

    start = [keras.Input((SIZE,))] if with_input else []
    layers = [keras.layers.Dense(6, activation="relu"), keras.layers.Dropout(0.5), keras.layers.Dense(3)]
    return keras.Sequential([*start, *layers])


def functional(*, activation: str = "relu", add: bool = True) -> Any:
    """Two branches that meet."""
    import keras

    values = keras.Input((SIZE,))
    one = keras.layers.Dense(6, activation=activation)(values)
    two = keras.layers.Dense(6)(values)
    joined = keras.layers.Add()([one, two]) if add else keras.layers.Multiply()([one, two])
    return keras.Model(values, keras.layers.Dense(3)(joined))


def module() -> Any:
    """A `tf.Module` that makes its variables when it sees its input."""
    import tensorflow as tf

    class Net(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.made: list[Any] = []

        def __call__(self, values: Any, training: bool = False) -> Any:
            if not self.made:
                self.made.append({"kernel": tf.Variable(tf.random.normal((values.shape[-1], 3)))})
                self.made.append(tf.Variable(tf.zeros(3)))
            return values @ self.made[0]["kernel"] + self.made[1]

    return Net()


def recurrent() -> Any:
    """A wrapper around layers of its own, with dropout inside."""
    import keras

    class Net(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.both = keras.layers.Bidirectional(keras.layers.GRU(3, dropout=0.2))
            self.shared = (keras.layers.Dense(6), keras.layers.Dense(3))
            self.again = self.shared[0]

        def call(self, values: Any, training: bool = False) -> Any:
            values = self.both(values[..., None], training=training)
            return self.shared[1](self.again(self.shared[0](values)))

    return Net()


KINDS = {
    "subclassed": lambda: subclassed(with_build=False, nested=False),
    "subclassed with build": lambda: subclassed(with_build=True, nested=False),
    "nested layers": lambda: subclassed(with_build=False, nested=True),
    "sequential": lambda: sequential(with_input=False),
    "sequential with input": lambda: sequential(with_input=True),
    "functional": functional,
    "recurrent": recurrent,
    "module": module,
}
