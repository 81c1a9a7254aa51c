"""What a data set hands over: two parts, read by index. No TensorFlow at import."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from exp.errors import UserError

Labels = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Part:
    """The training part or the test part of a data set.

    `read(requests, threads)` maps a `tf.data.Dataset` whose elements are int64 tensors of indices, all of one shape, to
    one whose elements are (pictures, labels): uint8 or float32 pictures, shaped as the indices and then as one
    picture; int32 labels, shaped as the indices. The order is that of the requests, whatever the number of threads.
    An index of -1 asks for any picture with the label -1: a row that only fills up a batch.
    """

    labels: Labels
    """(size,) int32: known without reading a picture."""
    read: Callable[[Any, int], Any]

    @property
    def size(self) -> int:
        """The number of examples."""
        return len(self.labels)


@dataclass(frozen=True)
class Skipped:
    """A file that is not used, and why."""

    file: str
    reason: str


@dataclass(frozen=True)
class Splits:
    """A data set, ready to be read.

    `fingerprint` is the SHA-256 of the content that training and testing read: equal fingerprints mean equal data,
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
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    """What the person should know, a sentence each."""

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)


def array_part(pictures: npt.NDArray[np.uint8], labels: Labels, *, copied: bool = True) -> Part:
    """A part that is an array, in memory or mapped from a file: (n, *shape) uint8 pictures and (n,) int32 labels.

    `copied` makes a tensor of it, which is faster for many small pictures; else batches are read from where it is.

    Raises:
        UserError: there are not as many labels as pictures.
    """
    if len(pictures) != len(labels):
        raise UserError(f"a part of a data set has {len(pictures)} pictures, and {len(labels)} labels")

    def read(requests: Any, threads: int) -> Any:
        import tensorflow as tf

        # A NumPy array used in a graph would be copied into its definition: a tensor made outside is only referred to.
        with tf.device("CPU:0"):
            held = tf.constant(pictures) if copied else None
            known = tf.constant(labels)

        def load(indices: Any) -> tuple[Any, Any]:
            rows = tf.maximum(indices, 0)
            if held is not None:
                batch = tf.gather(held, rows)
            else:
                batch = tf.numpy_function(lambda rows: pictures[rows], [rows], tf.uint8, stateful=False)
                batch = tf.ensure_shape(batch, (*indices.shape, *pictures.shape[1:]))
            return batch, labels_of(known, indices)

        return requests.map(as_written(load))

    return Part(labels=labels, read=read)


def as_written(function: Callable[..., Any]) -> Any:
    """For `Dataset.map`: a function without Python control flow over tensors, which AutoGraph need not rewrite.

    That takes 40 ms for each function, at the start of every run (TensorFlow 2.21).
    """
    import tensorflow as tf

    return tf.autograph.experimental.do_not_convert(function)


def labels_of(labels: Any, indices: Any) -> Any:
    """The labels of indices, as tensors; -1 where the index is -1."""
    import tensorflow as tf

    classes = tf.gather(labels, tf.maximum(indices, 0))
    return tf.where(indices < 0, -tf.ones_like(classes), classes)


def fingerprint_of(*arrays: npt.NDArray[Any]) -> str:
    """SHA-256 over the type, shape and bytes of arrays, in order."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
