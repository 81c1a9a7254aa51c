"""A split of a data set: examples that are read by index. No TensorFlow at import."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from exp.errors import UserError

Rows = Callable[[npt.NDArray[np.int64]], Any]
"""From indices to (features, targets): arrays, each shaped as the indices and then as one example.

An index of -1 asks for any example.
"""
Labels = npt.NDArray[np.int32]
"""(n,) int32: the class of each example."""


class Weighted(NamedTuple):
    """Targets of which some count more than others, or not at all; takes the place of the targets alone."""

    targets: Any
    """An array, or the `Spec` of one."""
    weights: Any
    """float32, at least 0: one number an example, or one for each of its positions (0: it is only filled up)."""


@dataclass(frozen=True)
class Contents:
    """What tells examples of a split from others, to find those that are in two splits."""

    digests: npt.NDArray[np.int64]
    """(size,): equal for equal features; of other features, equal by chance once in 2**64. Of one process only."""
    looks: npt.NDArray[np.uint64] | None = None
    """(size, 4): of pictures, what they look like (`exp.data.images.look`)."""
    names: Sequence[str] | None = None
    """(size,): what a person calls each example, such as its file."""

    def some(self, indices: npt.NDArray[np.int64]) -> "Contents":
        """Those of some examples."""
        return Contents(
            self.digests[indices],
            None if self.looks is None else self.looks[indices],
            None if self.names is None else [self.names[index] for index in indices],
        )


@dataclass(frozen=True)
class Split:
    """The training, validation or test split of a data set.

    `read(requests, threads)` maps a `tf.data.Dataset` whose elements are int64 tensors of indices, all of one shape, to
    one whose elements are (features, targets): each with the structure and the types of the data set's specs, and
    shaped as the indices and then as one example. The order is that of the requests, whatever the number of threads.
    An index of -1 asks for any example: its row only fills up a batch, and counts for nothing.
    """

    size: int
    """The number of examples."""
    read: Callable[[Any, int], Any]
    targets: npt.NDArray[Any] | None = None
    """(size, ...): the targets of all examples, if they are known without reading any features."""
    contents: Callable[[], Contents] | None = None
    """Finds out what the examples are; None if nobody knows it without reading them all."""

    @property
    def rows(self) -> Rows | None:
        """Gives examples that lie in memory, by NumPy; None if they have to be read by `read`.

        It is an attribute of `read`, so that a split with another `read` does not keep it.
        """
        return getattr(self.read, "rows", None)

    @property
    def labels(self) -> Any:
        """The former name of `targets`."""
        warnings.warn("Part.labels is now called Split.targets", FutureWarning, stacklevel=2)
        return self.targets


def array_split(features: Any, targets: Any = (), *, copied: bool = True) -> Split:
    """A split that is held in arrays, in memory or mapped from a file.

    Args:
        features: an array of shape (n, ...), or a structure of such arrays.
        targets: such as int32 labels of shape (n,); an array or a structure of arrays too, or () if there are none.
        copied: make tensors of the features, which is faster for many small examples; else batches are read from
            where the arrays are.

    Raises:
        UserError: there are not as many targets as features.
    """
    import tensorflow as tf

    given = targets
    if isinstance(targets, list) and targets and np.isscalar(targets[0]):
        targets = np.asarray(targets)
    arrays = tf.nest.flatten((features, targets))
    for array in arrays:
        if len(array) != len(arrays[-1]):
            raise UserError(f"a split of the data set has {len(array)} features, and {len(arrays[-1])} targets")

    def read(requests: Any, threads: int) -> Any:
        # A NumPy array used in a graph would be copied into its definition: a tensor made outside is only referred to.
        with tf.device("CPU:0"):
            held = tf.nest.map_structure(tf.constant, features) if copied else None
            known = tf.nest.map_structure(tf.constant, targets)

        def load(indices: Any) -> tuple[Any, Any]:
            rows = tf.maximum(indices, 0)
            if held is not None:
                batch = tf.nest.map_structure(lambda array: tf.gather(array, rows), held)
            else:
                batch = tf.nest.map_structure(lambda array: _mapped_rows(array, rows), features)
            return batch, tf.nest.map_structure(lambda array: tf.gather(array, rows), known)

        return requests.map(as_written(load))

    def rows(indices: npt.NDArray[np.int64]) -> Any:
        wanted = np.maximum(indices, 0)
        return tf.nest.map_structure(lambda array: np.take(array, wanted, axis=0), (features, targets))

    known_targets = targets.targets if isinstance(targets, Weighted) else targets
    if not isinstance(known_targets, np.ndarray):
        known_targets = None
    elif given is not targets:
        known_targets = given

    @cache
    def contents() -> Contents:
        held = [np.asarray(leaf) for leaf in tf.nest.flatten(features)]
        return Contents(np.array([hash(tuple(leaf[row].tobytes() for leaf in held)) for row in range(len(held[0]))]))

    read.rows = rows  # type: ignore[attr-defined]
    return Split(size=len(arrays[0]), read=read, targets=known_targets, contents=contents)


def read_cyclic(split: Split, indices: Iterable[int]) -> tuple[Any, Any]:
    """As `read_examples`; an index beyond the last example counts on from the first."""
    return read_examples(split, [index % split.size for index in indices])


def read_examples(split: Split, indices: Sequence[int]) -> tuple[Any, Any]:
    """The features and targets of some examples, as arrays: (n, ...) each."""
    import tensorflow as tf

    requests = tf.data.Dataset.from_tensors(np.asarray(indices, np.int64))
    batch = next(iter(split.read(requests, 1)))
    features, targets = tf.nest.map_structure(lambda tensor: tensor.numpy(), batch)
    return features, targets


def _mapped_rows(array: npt.NDArray[Any], rows: Any) -> Any:
    """Rows of a NumPy array that stays where it is, as a tensor."""
    import tensorflow as tf

    batch = tf.numpy_function(lambda rows: array[rows], [rows], array.dtype, stateful=False)
    return tf.ensure_shape(batch, (*rows.shape, *array.shape[1:]))


def as_written(function: Callable[..., Any]) -> Any:
    """Prepare a function without Python control flow over tensors for `Dataset.map`: AutoGraph need not rewrite it.

    Rewriting takes 40 ms for each function, at the start of every run (TensorFlow 2.21).
    """
    import tensorflow as tf

    return tf.autograph.experimental.do_not_convert(function)
