"""`data.validation`: a part of the training examples that is set apart, to choose by. No TensorFlow at import.

Which examples they are is a pure function of `data.split_seed`, the number of examples and their classes. The seed of
the run plays no part, so that runs with several seeds are chosen by the same examples.
"""

import hashlib
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from exp.data.dataset import Dataset
from exp.data.order import Indices
from exp.data.split import Split, as_written
from exp.errors import UserError

OWN = "own"
"""The value of `data.validation` that asks for the data set's own validation split."""


class SetApart(NamedTuple):
    """The training examples, divided in two; both parts rise."""

    stay: Indices
    """Those that are still trained on."""
    apart: Indices
    """Those that are chosen by."""


def validation_size(wanted: float | int, examples: int) -> int:
    """The number of training examples that are set apart.

    Args:
        wanted: that number, or a fraction of the examples.
        examples: the number of training examples that there are.

    Raises:
        UserError: none would be set apart, or none would stay.
    """
    size = round(wanted * examples) if isinstance(wanted, float) else wanted
    if not 0 < size < examples:
        raise UserError(
            f"data.validation={wanted}: would set {size} of {examples} training examples apart; it must be at least "
            "one, and one must stay"
        )
    return size


def set_apart(targets: npt.NDArray[Any] | None, *, examples: int, size: int, split_seed: int) -> SetApart:
    """Choose the examples that are set apart.

    The random bits are those of Philox 4x64-10 with the key (split_seed, class), taken raw as in `exp.data.order`.

    Args:
        targets: (examples,) the class of each example, so that each class gives its share, to the nearest example (by
            largest remainders); None: the examples have no classes.
        examples: how many there are.
        size: how many are set apart.
        split_seed: another one sets others apart.
    """
    kinds = np.zeros(examples, np.int64) if targets is None else targets
    labels, counts = np.unique(kinds, return_counts=True)
    chosen = []
    for label, share in zip(labels, _shares(counts, size), strict=True):
        members = np.flatnonzero(kinds == label)
        bits = np.random.Philox(key=np.array([split_seed, label], np.uint64)).random_raw(len(members))
        chosen.append(members[np.argsort(bits, kind="stable")[:share]])
    apart = np.sort(np.concatenate(chosen)).astype(np.int64)
    return SetApart(np.setdiff1d(np.arange(examples, dtype=np.int64), apart, assume_unique=True), apart)


def with_validation(dataset: Dataset, wanted: float | int | str | None, *, split_seed: int) -> Dataset:
    """A data set whose validation split is the one that is asked for, or that has none.

    Args:
        dataset: as it was loaded.
        wanted: the value of `data.validation`.
        split_seed: as in `set_apart`.

    Raises:
        UserError: the data set has no validation split of its own, or too few examples.
    """
    if wanted is None:
        return replace(dataset, validation=None)
    if isinstance(wanted, str):
        if dataset.validation is None:
            raise UserError(
                f"data.validation={OWN}: the data set {dataset.name} has no validation split of its own; "
                "data.validation=0.1 sets a tenth of its training examples apart"
            )
        return dataset
    train = dataset.train
    size = validation_size(wanted, train.size)
    of_classes = dataset.class_names is not None and train.targets is not None and train.targets.ndim == 1
    stay, apart = set_apart(
        train.targets if of_classes else None, examples=train.size, size=size, split_seed=split_seed
    )
    return replace(
        dataset,
        train=subset(train, stay),
        validation=subset(train, apart),
        set_apart=hashlib.sha256(apart.astype("<i8").tobytes()).hexdigest(),
    )


def subset(split: Split, indices: Indices) -> Split:
    """Some examples of a split, as a split: its example 0 is the one that `indices` names first."""

    def read(requests: Any, threads: int) -> Any:
        import tensorflow as tf

        with tf.device("CPU:0"):
            held = tf.constant(indices)

        def chosen(rows: Any) -> Any:
            return tf.where(rows < 0, rows, tf.gather(held, tf.maximum(rows, 0)))

        return split.read(requests.map(as_written(chosen)), threads)

    rows_of_all = split.rows
    if rows_of_all is not None:
        read.rows = lambda wanted: rows_of_all(np.where(wanted < 0, wanted, indices[np.maximum(wanted, 0)]))  # type: ignore[attr-defined]

    of = split.contents
    return Split(
        len(indices),
        read,
        targets=None if split.targets is None else split.targets[indices],
        contents=None if of is None else cache(lambda: of().some(indices)),
    )


def _shares(counts: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """How many of each class are taken, `size` together: in proportion, and one more where the remainder is largest."""
    exact = counts * (size / counts.sum())
    shares: npt.NDArray[np.int64] = np.floor(exact).astype(np.int64)
    shares[np.argsort(shares - exact, kind="stable")[: size - shares.sum()]] += 1
    return shares
