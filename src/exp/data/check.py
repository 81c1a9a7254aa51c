"""Whether a data set of the user's own is what the rest of the program takes for granted."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from exp.data.dataset import Dataset, Spec, Specs, leaves
from exp.data.split import Split, Weighted, read_examples
from exp.errors import UserError, excerpt
from exp.system.own_code import told


def check_dataset(dataset: Dataset, *, what: str) -> None:
    """Check the specs and the labels of a data set, and the first and the last example of each split.

    Args:
        dataset: the data set, as it was loaded.
        what: how a message begins, such as `data=my_data.load`.

    Raises:
        UserError: something is not as it must be; one sentence.
    """
    splits = {"training" if name == "train" else name: split for name, split in dataset.splits.items()}
    problem = (
        _problem_of_specs("features", dataset.features)
        or _problem_of_specs("targets", dataset.targets)
        or _problem_of_class_names(dataset)
        or _first(_problem_of_targets(name, split, dataset) for name, split in splits.items())
        or _first(_problem_of_examples(name, split, dataset) for name, split in splits.items())
    )
    if problem:
        raise UserError(f"{what}: {problem}")


def _first(problems: Iterable[str | None]) -> str | None:
    return next(filter(None, problems), None)


def _problem_of_specs(name: str, specs: Specs) -> str | None:
    for spec in leaves(specs):
        shape = spec.shape
        if not isinstance(shape, tuple) or not all(isinstance(size, int) and size > 0 for size in shape):
            return (
                f"{name}.shape is {excerpt(shape)}, and must be a tuple of whole numbers above 0, such as (28, 28, 1)"
            )
        try:
            np.dtype(spec.dtype)
        except TypeError:
            return f"{name}.dtype is {excerpt(spec.dtype)}, and must be a type such as uint8 or float32"
        if spec.dtype == "float64":
            return f"{name}.dtype is float64, and must be one of uint8, float32, or a type of whole numbers"
    return None


def _problem_of_class_names(dataset: Dataset) -> str | None:
    names = dataset.class_names
    if names is not None and (not names or not all(isinstance(name, str) for name in names)):
        return "class_names must have a name for each class"
    return None


def _problem_of_targets(split_name: str, split: Split, dataset: Dataset) -> str | None:
    """What is wrong with the number of examples, and with labels, if the targets are classes."""
    if dataset.class_names is None:
        return None if split.size else f"the {split_name} split has no examples"
    labels, classes = split.targets, dataset.classes
    shape = getattr(dataset.task_targets, "shape", ())
    if not isinstance(labels, np.ndarray) or labels.dtype != np.int32 or labels.shape[1:] != shape:
        is_array = isinstance(labels, np.ndarray)
        found = f"{labels.dtype} of shape {labels.shape}" if is_array else f"a {type(labels).__name__}"  # type: ignore[union-attr]
        must = f"({', '.join(['examples', *map(str, shape)])}{'' if shape else ','})"
        return f"the {split_name} labels are {found}, and must be int32 of shape {must}: astype(numpy.int32)"
    if not len(labels):
        return f"the {split_name} split has no examples"
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        wrong = low if low < 0 else high
        return f"a {split_name} label is {wrong}, and with {classes} classes they must be from 0 to {classes - 1}"
    return None


def _problem_of_examples(split_name: str, split: Split, dataset: Dataset) -> str | None:
    indices = [0, split.size - 1]
    try:
        features, targets = read_examples(split, indices)
    except Exception as error:  # whatever the user's own code, or TensorFlow about it, raises
        return f"the {split_name} examples 0 and {indices[1]} cannot be read: {told(error)}"
    problem = _problem_of_arrays(f"{split_name} features", features, dataset.features, "features")
    if problem:
        return problem
    labels = split.targets
    if dataset.class_names is None or labels is None:
        return _problem_of_arrays(f"{split_name} targets", targets, dataset.targets, "targets")
    targets = targets.targets if isinstance(targets, Weighted) else targets
    if targets.dtype != np.int32 or targets.tolist() != labels[indices].tolist():
        return (
            f"the {split_name} examples 0 and {indices[1]} are read with the labels {targets.tolist()} "
            f"({targets.dtype}), and targets says {labels[indices].tolist()} (int32)"
        )
    return None


def _problem_of_arrays(what: str, arrays: Any, specs: Specs, name: str) -> str | None:
    """What is wrong with the arrays of two examples, compared with their specs."""
    import tensorflow as tf

    try:
        tf.nest.assert_same_structure(arrays, specs)
    except (TypeError, ValueError):
        return f"the {what} have another structure than {name}"
    for array, spec in zip(tf.nest.flatten(arrays), tf.nest.flatten(specs), strict=True):
        assert isinstance(spec, Spec)
        if array.dtype != np.dtype(spec.dtype):
            return f"the {what} are {array.dtype}, and {name}.dtype is {spec.dtype}"
        if array.shape[1:] != spec.shape:
            return f"the {what} have shape {array.shape[1:]}, and {name}.shape is {spec.shape}"
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            return f"the {what} have values that are not finite"
    return None
