"""Data sets for tests: one whose map is slow on purpose."""

import time
from dataclasses import replace
from typing import Any

from exp.data import Dataset
from exp.data.mnist import load

SECONDS = 0.02


def slow(*, source: str, dir: str | None) -> Dataset:
    """MNIST, each element of whose training split takes 20 ms to read."""
    dataset = load(source=source, dir=dir)

    def read(requests: Any, threads: int) -> Any:
        import tensorflow as tf

        def wait(indices: Any) -> Any:
            time.sleep(SECONDS)
            return indices

        def waited(indices: Any) -> Any:
            return tf.ensure_shape(tf.numpy_function(wait, [indices], tf.int64), indices.shape)

        return dataset.train.read(requests.map(waited), threads)

    return replace(dataset, train=replace(dataset.train, read=read))
