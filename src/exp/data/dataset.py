"""What a data set hands over: its splits, read by index. No TensorFlow at import."""

import hashlib
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from exp.errors import UserError

Labels = npt.NDArray[np.int32]
"""(n,) int32: the class of each example."""


@dataclass(frozen=True)
class Spec:
    """The shape and the type of one array of an example, without the batch dimension."""

    shape: tuple[int, ...]
    dtype: str
    """As NumPy and TensorFlow name it, such as "uint8", which means pixels, or "float32"."""


Specs = Any
"""One `Spec`, or a dict, list or tuple of them, nested as the features or targets of an example are."""


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
    def labels(self) -> Any:
        """The former name of `targets`."""
        warnings.warn("Part.labels is now called Split.targets", FutureWarning, stacklevel=2)
        return self.targets


@dataclass(frozen=True)
class Skipped:
    """A file that is not used, and why."""

    file: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A data set, ready to be read."""

    name: str
    source: str
    train: Split
    test: Split
    features: Specs
    """What a model gets of an example, before transforms."""
    targets: Specs
    """What a model should give for it, perhaps `Weighted`; () if that is the features themselves."""
    class_names: tuple[str, ...] | None = None
    """If the targets are classes, from 0 on, the name of each."""
    fingerprint: str
    """SHA-256 of the content that training and testing read: equal fingerprints mean equal data, wherever it lies."""
    validation: Split | None = None
    """What is chosen by; None if the data set has no such split, and none was set apart."""
    set_apart: str | None = None
    """If the validation split was taken from the training examples: SHA-256 of their indices, as int64."""
    skipped: tuple[Skipped, ...] = ()
    leaks: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """How many examples of a split are in another one, by both splits and by how that was found."""
    notes: tuple[str, ...] = ()
    """What the user should know, a sentence each."""

    @property
    def splits(self) -> dict[str, Split]:
        """The splits that there are, by name."""
        every = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split for name, split in every.items() if split is not None}

    @property
    def classes(self) -> int:
        """The number of classes; 0 if the targets are not classes."""
        return len(self.class_names or ())

    @property
    def task_targets(self) -> Specs:
        """The targets without weights; () if there are none."""
        return self.targets.targets if isinstance(self.targets, Weighted) else self.targets

    def wanted(self, features: Specs) -> Specs:
        """What a model should give that gets these features: the targets, or the features if there are no targets."""
        return self.task_targets if any(True for _ in leaves(self.targets)) else features

    @property
    def is_pictures(self) -> bool:
        """Whether an example is one picture, (height, width, channels)."""
        return is_picture(self.features)

    @property
    def is_pictures_of_classes(self) -> bool:
        """Whether an example is one picture of one class."""
        return self.is_pictures and self.class_names is not None and self.targets == LABELS


LABELS = Spec((), "int32")
"""The targets of a data set whose examples belong to one class each."""


def is_picture(specs: Specs) -> bool:
    """Whether specs are those of one picture: (height, width, 1 or 3)."""
    return isinstance(specs, Spec) and len(specs.shape) == 3 and specs.shape[-1] in (1, 3)


def leaves(specs: Specs) -> Iterator[Spec]:
    """The specs in a structure, one after the other."""
    if isinstance(specs, Spec):
        yield specs
    else:
        for inner in specs.values() if isinstance(specs, dict) else specs:
            yield from leaves(inner)


def tensor_specs(specs: Specs, *, scaled: bool) -> Any:
    """The same as `tf.TensorSpec`s without a batch dimension.

    Args:
        specs: of features or targets.
        scaled: whether uint8 pixels are float32, as a model is given them.
    """
    import tensorflow as tf

    def made(spec: Spec) -> Any:
        return tf.TensorSpec(spec.shape, "float32" if scaled and spec.dtype == "uint8" else spec.dtype)

    return tf.nest.map_structure(made, specs)


def example_bytes(specs: Specs) -> int:
    """The size of what specs describe, for one example, in bytes."""
    return sum(math.prod(spec.shape) * np.dtype(spec.dtype).itemsize for spec in leaves(specs))


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

    known_targets = targets.targets if isinstance(targets, Weighted) else targets
    if not isinstance(known_targets, np.ndarray):
        known_targets = None
    elif given is not targets:
        known_targets = given

    @cache
    def contents() -> Contents:
        held = [np.asarray(leaf) for leaf in tf.nest.flatten(features)]
        return Contents(np.array([hash(tuple(leaf[row].tobytes() for leaf in held)) for row in range(len(held[0]))]))

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


def fingerprint_of(*arrays: npt.NDArray[Any]) -> str:
    """SHA-256 over the type, shape and bytes of arrays, in order."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
