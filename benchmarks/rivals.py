"""The programs that `benchmarks/speed.py` compares us with: the same network, data, batch size and optimizer.

Each is written as its makers or the handbook show it, without printing, logging, progress bar or checkpoints: what is
measured of a rival is its step.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

LEARNING_RATE = 0.001


@dataclass(frozen=True)
class Work:
    """What is to be trained."""

    network: str
    """`mlp` or `cnn`."""
    batch_size: int
    threads: int
    pictures: npt.NDArray[np.float32]
    """(n, 28, 28, 1), in 0..1."""
    labels: npt.NDArray[np.int32]
    """(n,)."""


Train = Callable[[int], float]
"""Trains so many steps, and returns the seconds that they took."""


def make(name: str, work: Work) -> Train:
    """A rival, ready to train."""
    return RIVALS[name](work)


def _keras_model(work: Work) -> Any:
    """The handbook's networks, softmax included, in today's Keras."""
    import keras

    layers = keras.layers
    if work.network == "mlp":
        body = [layers.Flatten(), layers.Dense(100, activation="relu")]
    else:
        body = [
            layers.Conv2D(32, 5, padding="same", activation="relu"),
            layers.MaxPool2D(2),
            layers.Conv2D(64, 5, padding="same", activation="relu"),
            layers.MaxPool2D(2),
            layers.Flatten(),
            layers.Dense(1024, activation="relu"),
        ]
    return keras.Sequential([keras.Input((28, 28, 1)), *body, layers.Dense(10, activation="softmax")])


def _random_batch(work: Work) -> tuple[Any, Any]:
    """The handbook's `MNISTLoader.get_batch`."""
    index = np.random.randint(0, len(work.labels), work.batch_size)
    return work.pictures[index], work.labels[index]


def _handbook_loop(work: Work, wrap: Callable[[Any], Any]) -> Train:
    import keras
    import tensorflow as tf

    model, optimizer = _keras_model(work), keras.optimizers.Adam(LEARNING_RATE)

    def one_step(pictures: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            predicted = model(pictures)
            loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(labels, predicted))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    step = wrap(one_step)

    def train(steps: int) -> float:
        started = time.perf_counter()
        for _ in range(steps):
            step(*_random_batch(work)).numpy()
        return time.perf_counter() - started

    return train


def _handbook_eager(work: Work) -> Train:
    return _handbook_loop(work, lambda step: step)


def _handbook_function(work: Work) -> Train:
    import tensorflow as tf

    return _handbook_loop(work, tf.function)


def _handbook_session(work: Work) -> Train:
    """A v1 graph with placeholders. Keras 3 has no place in one, so that the layers are plain operations."""
    import tensorflow as tf

    v1 = tf.compat.v1
    graph = tf.Graph()
    with graph.as_default():
        pictures = v1.placeholder(tf.float32, (None, 28, 28, 1))
        labels = v1.placeholder(tf.int32, (None,))
        logits = _v1_network(work, pictures)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
        train_op = v1.train.AdamOptimizer(LEARNING_RATE).minimize(loss)
        session = v1.Session(graph=graph)
        session.run(v1.global_variables_initializer())

    def train(steps: int) -> float:
        started = time.perf_counter()
        for _ in range(steps):
            batch, classes = _random_batch(work)
            session.run([train_op, loss], feed_dict={pictures: batch, labels: classes})
        return time.perf_counter() - started

    return train


def _v1_network(work: Work, values: Any) -> Any:
    import tensorflow as tf

    v1 = tf.compat.v1

    def weights(name: str, shape: tuple[int, ...]) -> tuple[Any, Any]:
        glorot = v1.get_variable(f"{name}/kernel", shape, initializer=v1.glorot_uniform_initializer())
        return glorot, v1.get_variable(f"{name}/bias", shape[-1:], initializer=v1.zeros_initializer())

    size = 784
    if work.network == "cnn":
        for name, before, after in (("conv1", 1, 32), ("conv2", 32, 64)):
            kernel, bias = weights(name, (5, 5, before, after))
            values = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(values, kernel, 1, "SAME"), bias))
            values = tf.nn.max_pool2d(values, 2, 2, "SAME")
        size = 7 * 7 * 64
    hidden = 100 if work.network == "mlp" else 1024
    kernel, bias = weights("dense1", (size, hidden))
    values = tf.nn.relu(tf.matmul(tf.reshape(values, (-1, size)), kernel) + bias)
    kernel, bias = weights("dense2", (hidden, 10))
    return tf.matmul(values, kernel) + bias


def _keras_fit(work: Work) -> Train:
    import keras
    import tensorflow as tf

    model = _keras_model(work)
    model.compile(
        optimizer=keras.optimizers.Adam(LEARNING_RATE),
        loss="sparse_categorical_crossentropy",
        metrics=["sparse_categorical_accuracy"],
    )
    dataset = tf.data.Dataset.from_tensor_slices((work.pictures, work.labels))
    dataset = dataset.shuffle(10_000).repeat().batch(work.batch_size).prefetch(tf.data.AUTOTUNE)
    clock = _Clock()

    class Times(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            clock.begin(batch)

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            clock.end(batch)

    def train(steps: int) -> float:
        model.fit(
            dataset, steps_per_epoch=steps + _Clock.WARM_UP, epochs=1, verbose=0, shuffle=False, callbacks=[Times()]
        )
        return clock.seconds

    return train


class _Clock:
    """Seconds of the steps after the first few of a fit, which sets itself up anew each time."""

    WARM_UP = 5

    def begin(self, step: int) -> None:
        if step == self.WARM_UP:
            self._started = time.perf_counter()

    def end(self, step: int) -> None:
        if step >= self.WARM_UP:
            self.seconds = time.perf_counter() - self._started


def _torch_model(work: Work) -> Any:
    from torch import nn

    if work.network == "mlp":
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(7 * 7 * 64, 1024), nn.ReLU(), nn.Linear(1024, 10)),
    )


class _TorchBatches:
    """Shuffled batches by indexing whole tensors: the quickest feed that PyTorch has for data in memory."""

    def __init__(self, work: Work, steps: int) -> None:
        import torch

        # Channels come first in PyTorch.
        self._pictures = torch.from_numpy(np.ascontiguousarray(work.pictures.transpose(0, 3, 1, 2)))
        self._labels = torch.from_numpy(work.labels.astype(np.int64))
        self._size, self._steps = work.batch_size, steps

    def __len__(self) -> int:
        return self._steps

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        import torch

        for _ in range(self._steps):
            index = torch.randint(0, len(self._labels), (self._size,))
            yield self._pictures[index], self._labels[index]


def _torch_loop(work: Work) -> Train:
    import torch
    from torch.nn.functional import cross_entropy

    torch.set_num_threads(work.threads)
    model = _torch_model(work)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    batches = _TorchBatches(work, 0)

    def train(steps: int) -> float:
        batches._steps = steps
        started = time.perf_counter()
        for pictures, labels in batches:
            optimizer.zero_grad()
            loss = cross_entropy(model(pictures), labels)
            loss.backward()
            optimizer.step()
            loss.item()
        return time.perf_counter() - started

    return train


def _lightning(work: Work) -> Train:
    import logging
    import warnings

    import lightning
    import torch
    from torch.nn.functional import cross_entropy

    torch.set_num_threads(work.threads)
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    class Module(lightning.LightningModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = _torch_model(work)

        def training_step(self, batch: Any, index: int) -> Any:
            pictures, labels = batch
            return cross_entropy(self.net(pictures), labels)

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), lr=LEARNING_RATE)

    module, clock = Module(), _Clock()

    class Times(lightning.Callback):  # type: ignore[misc]
        def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, index: int) -> None:
            clock.begin(index)

        def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, index: int) -> None:
            clock.end(index)

    def train(steps: int) -> float:
        trainer = lightning.Trainer(
            accelerator="cpu",
            max_steps=steps + _Clock.WARM_UP,
            max_epochs=-1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[Times()],
        )
        trainer.fit(module, _TorchBatches(work, steps + _Clock.WARM_UP))
        return clock.seconds

    return train


RIVALS: dict[str, Callable[[Work], Train]] = {
    "handbook, eager": _handbook_eager,
    "handbook, @tf.function": _handbook_function,
    "handbook, v1 session": _handbook_session,
    "Keras fit": _keras_fit,
    "PyTorch, plain loop": _torch_loop,
    "PyTorch Lightning": _lightning,
}
