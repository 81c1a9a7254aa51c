"""What a data set hands over: its splits, read by index. No TensorFlow at import."""

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from exp.data.split import Split, Weighted, array_split  # noqa: F401 data sets of users take array_split from here


@dataclass(frozen=True)
class Spec:
    """The shape and the type of one array of an example, without the batch dimension."""

    shape: tuple[int, ...]
    """Without the examples: () for a number, (height, width, channels) for a picture."""
    dtype: str
    """As NumPy and TensorFlow name it, such as "uint8", which means pixels, or "float32"."""


Specs = Any
"""One `Spec`, or a dict, list or tuple of them, nested as the features or targets of an example are."""


@dataclass(frozen=True)
class Skipped:
    """A file that is not used, and why."""

    file: str
    """Its path."""
    reason: str
    """What is wrong with it, as the end of a sentence about it."""


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A data set, ready to be read."""

    name: str
    """As messages and the folders of runs call it."""
    source: str
    """Where the data came from, for the manifest, such as `bundled`."""
    train: Split
    """What is trained on."""
    test: Split
    """What is tested with, and nothing else."""
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
    """Files that are not used."""
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


def fingerprint_of(*arrays: npt.NDArray[Any]) -> str:
    """SHA-256 over the type, shape and bytes of arrays, in order."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
