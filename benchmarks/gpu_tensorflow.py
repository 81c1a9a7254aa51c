"""The contestants of `benchmarks/gpu.py` that use TensorFlow: this project, Keras, the handbook's loop; and the card.

All are given the same uint8 pictures, which lie in the memory of the host, and scale them on the device.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.gpu_work import LEARNING_RATE, Work, overrides, pictures

Train = Callable[[int], tuple[float, int]]
"""Trains for about so many steps; returns the seconds that some of them took, and how many these are."""
UNTIMED_CALLS = 3
"""Calls of ours at the beginning, for which batches may have been made ready while nothing was timed."""
FETCH_EVERY = 100
"""Steps of a rival between two looks at the loss, each of which waits for the device."""
MATMULS = 20

OURS = {
    "exp": [],
    "exp, deterministic=false": ["exec.deterministic=false"],
    "exp, XLA": ["exec.jit_compile=true"],
    "exp, XLA, deterministic=false": ["exec.jit_compile=true", "exec.deterministic=false"],
}


def make(name: str, work: Work, precision: str) -> Train:
    """A contestant, ready to train."""
    if name in OURS:
        return _ours(work, [*overrides(work, precision=precision), *OURS[name]])
    _begin(precision)
    return {"Keras fit": _keras_fit, "handbook, @tf.function": _handbook}[name](work)


def _ours(work: Work, options: list[str]) -> Train:
    """The components that a run would have, and its calls, without what a run does between them."""
    from exp.data import plan_calls, training_dataset
    from exp.distributed.group import Alone
    from exp.exec import Batches
    from exp.run.build import build
    from exp.tools.program import composed

    made = build(composed(options), group=Alone())
    size = made.program.steps_per_call

    def train(steps: int) -> tuple[float, int]:
        timed = max(2, -(-steps // size))
        last = (UNTIMED_CALLS + timed) * size
        calls = plan_calls(first=0, last=last, steps_per_call=size, every=last)
        times: list[float] = []

        def after_call(first: int, losses: Any, details: Any = None) -> bool:
            times.append(time.perf_counter())
            return True

        made.executor.train(
            Batches(calls, training_dataset(made.dataset.train, made.order, calls, made.feed)), after_call
        )
        return times[-1] - times[UNTIMED_CALLS - 1], timed * size

    return train


def _begin(precision: str) -> None:
    import keras
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
    keras.utils.clear_session()
    keras.config.set_dtype_policy("float32" if precision == "float32" else f"mixed_{precision}")


def keras_model(work: Work) -> Any:
    """The network in Keras, from uint8 pictures to logits of float32."""
    import keras

    layers = keras.layers
    inputs = keras.Input(work.shape, dtype="uint8")
    values = layers.Rescaling(1 / 255)(inputs)
    if work.network == "resnet50":
        body = keras.applications.ResNet50(
            weights=None, input_shape=work.shape, classes=work.classes, classifier_activation=None
        )
        values = body(values)
    else:
        values = _small_network(work, values)
    return keras.Model(inputs, layers.Activation("linear", dtype="float32")(values))


def _small_network(work: Work, values: Any) -> Any:
    import keras

    layers = keras.layers
    shapes, padding, hidden = [(32, 5), (64, 5)], "same", 1024
    if work.network == "conv-catsdogs":
        shapes, padding, hidden = [(32, 3), (32, 5)], "valid", 64
    for filters, size in shapes:
        values = layers.Conv2D(filters, size, padding=padding, activation="relu")(values)
        values = layers.MaxPooling2D(2)(values)
    return layers.Dense(work.classes)(layers.Dense(hidden, activation="relu")(layers.Flatten()(values)))


def _keras_fit(work: Work) -> Train:
    import keras
    import tensorflow as tf

    model = keras_model(work)
    model.compile(
        optimizer=keras.optimizers.Adam(LEARNING_RATE),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    dataset = tf.data.Dataset.from_tensor_slices(pictures(work.shape, work.classes, work.examples))
    dataset = dataset.shuffle(10_000).repeat().batch(work.batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)
    times: list[float] = []

    class Times(keras.callbacks.Callback):  # type: ignore[misc]
        """Epochs only: Keras would wait for the device after each batch that a callback hears of."""

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            times.append(time.perf_counter())

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            times.append(time.perf_counter())

    def train(steps: int) -> tuple[float, int]:
        model.fit(dataset, steps_per_epoch=steps, epochs=2, verbose=0, callbacks=[Times()])
        return times[-1] - times[-2], steps  # the first epoch began with an empty buffer

    return train


def _handbook(work: Work) -> Train:
    import keras
    import tensorflow as tf

    model, optimizer = keras_model(work), keras.optimizers.Adam(LEARNING_RATE)
    features, labels = pictures(work.shape, work.classes, work.examples)

    @tf.function  # type: ignore[untyped-decorator]
    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            predicted = model(x, training=True)
            loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, predicted, from_logits=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    def train(steps: int) -> tuple[float, int]:
        started = time.perf_counter()
        for number in range(1, steps + 1):
            index = np.random.randint(0, len(labels), work.batch_size)
            loss = step(features[index], labels[index])
            if number % FETCH_EVERY == 0 or number == steps:
                loss.numpy()
        return time.perf_counter() - started, steps

    return train


def flops(work: Work) -> int:
    """Floating-point operations of a training step, counted from the shapes of the network's convolutions and matrices.

    A multiplication with its addition counts as two. The backward pass is the forward pass twice, once for the inputs
    and once for the weights, except that nobody needs the gradient of the pictures. All else, such as normalization,
    pooling and the optimizer, is left out.
    """
    import keras

    model = keras_model(work)
    nested = [layer for layer in model.layers if isinstance(layer, keras.Model)]
    forward = []
    for layer in [*model.layers, *(inner for one in nested for inner in one.layers)]:
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
            positions = int(np.prod(layer.output.shape[1:-1]))
            forward.append(2 * int(np.prod(layer.kernel.shape)) * positions * work.batch_size)
    first = next(size for size in forward)
    return 3 * sum(forward) - first


def peak(precision: str, size: int, seconds: float) -> float:
    """TFLOP/s of products of large square matrices: what this card gives through TensorFlow."""
    import tensorflow as tf

    _begin("float32")
    kind = tf.as_dtype(precision)
    matrix = tf.cast(tf.random.normal((size, size), stddev=size**-0.5), kind)

    @tf.function  # type: ignore[untyped-decorator]
    def chain(values: Any) -> Any:
        for _ in range(MATMULS):
            values = values @ matrix
        return values

    best, values = 0.0, tf.cast(tf.random.normal((size, size)), kind)
    ends = time.perf_counter() + seconds
    chain(values)[0, 0].numpy()
    while time.perf_counter() < ends or not best:
        started = time.perf_counter()
        chain(values)[0, 0].numpy()
        best = max(best, 2 * size**3 * MATMULS / (time.perf_counter() - started) / 1e12)
    return best
