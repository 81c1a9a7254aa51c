"""Data sets from NumPy arrays: `exp.data.arrays(train=(x, y), test=(x, y))`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from exp.data.dataset import Dataset, Spec, fingerprint_of
from exp.data.split import Split, Weighted, array_split
from exp.errors import UserError

COPIED_BYTES = 2**28
"""Arrays of one split above this size are read from where they are, example by example."""
MOST_OF_A_TABLE = 2
"""Dimensions, with that of the examples, up to which uint8 features are whole numbers like others, and no pixels."""
MOST_CLASSES = 10_000
"""Integers above are taken for numbers, not for classes without names."""


def arrays(
    *,
    train: Any,
    test: Any,
    validation: Any = None,
    name: str = "arrays",
    class_names: Sequence[str] | None = None,
    source: str = "arrays",
) -> Dataset:
    """Make a data set from arrays.

    Args:
        train: the training split: (features, targets), or the features alone if a model learns to give them back. Each
            is an array of shape (examples, ...), or a dict, list or tuple of such arrays. Integers stay integers, but
            those of targets become int32; float64 becomes float32. If a feature is uint8 and has two dimensions or
            more, it is pixels, which reach the model as 0..1.
            (features, targets, weights) lets examples count more or less, or positions of them: weights are at least
            0, of shape (examples,) or of that of the targets, where 0 stands for what is only filled up.
        test: the test split, likewise.
        validation: the validation split, likewise, which `data.validation=own` chooses by; None if there is none.
        name: of the data set.
        class_names: if the targets are classes, from 0 on, the name of each; None numbers them if the targets are one
            array of integers.
        source: where the arrays come from, for the manifest.

    Raises:
        UserError: something is not as it must be; one sentence.
    """
    import tensorflow as tf

    given = {"train": train, "validation": validation, "test": test}
    splits = {split: _split(split, pair) for split, pair in given.items() if split != "validation" or pair is not None}
    specs = {split: tf.nest.map_structure(_spec, pair) for split, pair in splits.items()}
    for split, other in specs.items():
        if other != specs["train"]:
            raise UserError(f"the training split has {_shown(specs['train'])}, and the {split} split {_shown(other)}")
    features, targets = specs["train"]
    held = {split: _held(*pair) for split, pair in splits.items()}
    leaves = [leaf for pair in splits.values() for leaf in tf.nest.flatten(pair)]
    return Dataset(
        name=name,
        source=source,
        train=held["train"],
        test=held["test"],
        validation=held.get("validation"),
        features=features,
        targets=targets,
        class_names=tuple(class_names) if class_names is not None else _numbered(targets, splits),
        fingerprint=fingerprint_of(*leaves),
    )


def _split(split: str, given: Any) -> tuple[Any, Any]:
    """Features and targets of a split, with the types that they will have; () for targets that there are not."""
    import tensorflow as tf

    parts = given if isinstance(given, tuple) and len(given) in (2, 3) else (given, ())
    made = []
    for kind, part in zip(("features", "targets", "weights"), parts, strict=False):
        checked = [_array(f"{split} {kind}", leaf, is_target=kind == "targets") for leaf in tf.nest.flatten(part)]
        made.append(tf.nest.pack_sequence_as(part, checked))
    lengths = {len(leaf) for leaf in tf.nest.flatten(made)}
    if len(lengths) > 1:
        sizes = ", ".join(map(str, sorted(lengths)))
        raise UserError(f"the arrays of the {split} split have {sizes} examples, not as many")
    if lengths <= {0}:
        raise UserError(f"the {split} split has no examples")
    if len(made) == 2:
        return made[0], made[1]
    return made[0], _weighted(split, made[1], made[2])


def _weighted(split: str, targets: Any, weights: Any) -> Weighted:
    if not isinstance(targets, np.ndarray) or not isinstance(weights, np.ndarray):
        raise UserError(f"the {split} weights are for one array of targets, and are one array themselves")
    if weights.shape not in (targets.shape, targets.shape[:1]):
        raise UserError(
            f"the {split} weights have shape {weights.shape}, and must have {targets.shape[:1]} or {targets.shape}"
        )
    weights = _as(weights, np.float32)
    if float(weights.min()) < 0 or not float(weights.max()):
        raise UserError(f"the {split} weights must be at least 0, and not all 0")
    return Weighted(targets, weights)


def _array(what: str, given: Any, *, is_target: bool) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = np.asanyarray(given)
    kind = array.dtype.kind
    if kind not in "fiub" or not array.ndim:
        found = f"{array.dtype} of shape {array.shape}"
        raise UserError(f"the {what} are {found}, and must be arrays of numbers, an example in each row")
    if kind == "f":
        finite = np.isfinite(array)
        if not finite.all():
            where = int(np.argwhere(~finite)[0][0])
            raise UserError(f"the {what} have values that are not finite, the first in example {where}")
        return _as(array, np.float32)
    if not is_target:
        return _as(array, np.int32) if array.dtype == np.uint8 and array.ndim <= MOST_OF_A_TABLE else array
    bounds = np.iinfo(np.int32)
    if array.size and (int(array.min()) < bounds.min or int(array.max()) > bounds.max):
        raise UserError(f"the {what} have whole numbers beyond int32")
    return _as(array, np.int32)


def _as(array: npt.NDArray[Any], kind: type[np.generic]) -> npt.NDArray[Any]:
    """An array of a type; the same one if it has that already, so that a mapped file stays one."""
    same: npt.NDArray[Any] = array.astype(kind, copy=False)
    return same


def _spec(array: npt.NDArray[Any]) -> Spec:
    return Spec(array.shape[1:], str(array.dtype))


def _held(features: Any, targets: Any) -> Split:
    import tensorflow as tf

    size = sum(leaf.nbytes for leaf in tf.nest.flatten(features))
    return array_split(features, targets, copied=size <= COPIED_BYTES)


def _numbered(targets: Any, splits: Mapping[str, tuple[Any, Any]]) -> tuple[str, ...] | None:
    """A name for each class, if the targets are one array of integers from 0 on."""
    targets = targets.targets if isinstance(targets, Weighted) else targets
    if not isinstance(targets, Spec) or targets.dtype != "int32":
        return None
    values = [pair[1].targets if isinstance(pair[1], Weighted) else pair[1] for pair in splits.values()]
    low, high = min(int(value.min()) for value in values), max(int(value.max()) for value in values)
    return None if low < 0 or high >= MOST_CLASSES else tuple(str(number) for number in range(high + 1))


def _shown(specs: Any) -> str:
    import tensorflow as tf

    features, targets = (
        ", ".join(f"{leaf.dtype} {leaf.shape}" for leaf in tf.nest.flatten(part)) or "none" for part in specs
    )
    return f"features {features} and targets {targets}"
