"""Steps and measures of a user's own, for classes of pictures: right ones, and wrong in many ways."""

from typing import Any


def penalized(model: Any, optimizer: Any, features: Any, targets: Any, *, strength: float = 1.0) -> Any:
    """The cross-entropy, and a penalty on its gradient by the pictures: a tape within a tape."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        with tf.GradientTape() as inner:
            inner.watch(features)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, model(features, training=True))
        slopes = inner.gradient(losses, features)
        penalties = strength * tf.reduce_sum(slopes**2, axis=[1, 2, 3])
        loss = tf.reduce_mean(losses + penalties)
    optimizer.minimize(loss, model.trainable_variables, tape)
    return {"loss": losses + penalties, "penalty": penalties}


def summed(model: Any, optimizer: Any, features: Any, targets: Any) -> Any:
    """A sum in place of a mean."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, model(features, training=True))
        loss = tf.reduce_sum(losses)
    optimizer.minimize(loss, model.trainable_variables, tape)
    return losses


def asking(model: Any, optimizer: Any, features: Any, targets: Any, temperature: float) -> Any:
    """Wants to be told something."""


def failing(model: Any, optimizer: Any, features: Any, targets: Any) -> Any:
    """Has a mistake."""
    return model(features).no_such_thing


def pair(*, input_shape: tuple[int, ...], classes: int) -> Any:
    """Two models by name."""
    import keras

    layers = keras.layers
    return {
        "first": keras.Sequential([layers.Input(input_shape), layers.Flatten(), layers.Dense(8, activation="relu")]),
        "second": keras.Sequential([layers.Input((8,)), layers.Dropout(0.2), layers.Dense(classes)]),
    }


def in_turn(model: Any, optimizer: Any, features: Any, targets: Any) -> Any:
    """Two models, one after the other, each with its own optimizer."""
    import tensorflow as tf

    with tf.GradientTape(persistent=True) as tape:
        logits = model["second"](model["first"](features, training=True), training=True)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits))
    for name in ("first", "second"):
        optimizer[name].minimize(loss, model[name].trainable_variables, tape)
    return loss


def two_rates(*, first: float, second: float) -> Any:
    """An optimizer for each model."""
    import keras

    return {"first": keras.optimizers.SGD(first), "second": keras.optimizers.Adam(second)}


def misnamed(*, rate: float = 0.1) -> Any:
    """An optimizer for a model that there is not."""
    import keras

    return {"third": keras.optimizers.SGD(rate)}


def errors(model: Any, features: Any, targets: Any) -> Any:
    """The cross-entropy, and whether the class is wrong."""
    import tensorflow as tf

    logits = model["second"](model["first"](features))
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
    return {"loss": losses, "wrong": tf.argmax(logits, axis=1, output_type=tf.int32) != targets}


def nameless(model: Any, features: Any, targets: Any) -> Any:
    """Forgets a metric."""
    return {"loss": errors(model, features, targets)["loss"]}


def averaged(model: Any, features: Any, targets: Any) -> Any:
    """Takes means over a batch."""
    import tensorflow as tf

    found = errors(model, features, targets)
    return {name: tf.reduce_mean(tf.cast(figure, tf.float32)) for name, figure in found.items()}


def relative(model: Any, features: Any, targets: Any) -> Any:
    """Compares each row with the others."""
    import tensorflow as tf

    found = errors(model, features, targets)
    return {**found, "loss": found["loss"] - tf.reduce_mean(found["loss"])}


def only_eager(model: Any, features: Any, targets: Any) -> Any:
    """Asks for values, which a graph has not."""
    found = errors(model, features, targets)
    return {**found, "loss": found["loss"].numpy()}


class Trainer:
    """A class, and a method, which are no steps."""

    @staticmethod
    def step(model: Any, optimizer: Any) -> Any:
        """Is never called."""


class _Decorated:
    """As `tf.function` makes them of a function."""

    __module__ = __name__
    python_function = in_turn


decorated = _Decorated()
