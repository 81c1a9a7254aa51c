"""What a data set hands over: two parts, read by index. No TensorFlow at import."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Part:
    """The training part or the test part of a data set.

    `load` maps an int64 tensor of indices to (pictures, labels): uint8 or float32 pictures, shaped as the indices and
    then as one picture; int32 labels, shaped as the indices. It runs inside a `tf.data` pipeline. An index of -1 asks
    for any picture with the label -1: a row that only fills up a batch.
    """

    size: int
    load: Callable[[Any], tuple[Any, Any]]


@dataclass(frozen=True)
class Splits:
    """A data set, ready to be read.

    `fingerprint` is the SHA-256 of the content that training and testing see: equal fingerprints mean equal data,
    wherever it was read from.
    """

    name: str
    source: str
    train: Part
    test: Part
    input_shape: tuple[int, ...]
    pixel_type: str
    class_names: tuple[str, ...]
    fingerprint: str

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)


def array_part(pictures: npt.NDArray[np.uint8], labels: npt.NDArray[np.int32]) -> Part:
    """A part that lies in memory: (n, *shape) uint8 pictures and (n,) int32 labels."""

    @cache
    def held() -> tuple[Any, Any]:
        """The arrays as tensors, once: a NumPy array used in a graph would be copied into its definition."""
        import tensorflow as tf

        with tf.init_scope(), tf.device("CPU:0"):
            return tf.constant(pictures), tf.constant(labels)

    def load(indices: Any) -> tuple[Any, Any]:
        import tensorflow as tf

        all_pictures, all_labels = held()
        rows = tf.maximum(indices, 0)
        classes = tf.gather(all_labels, rows)
        return tf.gather(all_pictures, rows), tf.where(indices < 0, -tf.ones_like(classes), classes)

    return Part(size=len(labels), load=load)


def fingerprint_of(*arrays: npt.NDArray[Any]) -> str:
    """SHA-256 over the type, shape and bytes of arrays, in order."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
