"""Whether a data set of the user's own is what the rest of the program takes for granted."""

from typing import Any

import numpy as np

from exp.data.dataset import Part, Splits
from exp.errors import UserError, excerpt
from exp.system.own_code import told

PIXEL_TYPES = ("uint8", "float32")


def check_splits(splits: Splits, *, what: str) -> None:
    """Check the labels, and the first and the last example of each part.

    Args:
        splits: as it was loaded.
        what: how a message begins, such as `data=my_data.load`.

    Raises:
        UserError: something is not as it must be; one sentence.
    """
    problem = (
        _of_the_whole(splits)
        or _of_labels("training", splits.train, splits.classes)
        or _of_labels("test", splits.test, splits.classes)
        or _of_examples("training", splits.train, splits)
        or _of_examples("test", splits.test, splits)
    )
    if problem:
        raise UserError(f"{what}: {problem}")


def _of_the_whole(splits: Splits) -> str | None:
    if splits.pixel_type not in PIXEL_TYPES:
        return f"pixel_type is {excerpt(splits.pixel_type)}, and must be one of {', '.join(PIXEL_TYPES)}"
    shape = splits.input_shape
    if not isinstance(shape, tuple) or not all(isinstance(size, int) and size > 0 for size in shape):
        return f"input_shape is {excerpt(shape)}, and must be a tuple of whole numbers above 0, such as (28, 28, 1)"
    if not splits.classes or not all(isinstance(name, str) for name in splits.class_names):
        return "class_names must have a name for each class"
    return None


def _of_labels(part_name: str, part: Part, classes: int) -> str | None:
    labels = part.labels
    if not isinstance(labels, np.ndarray) or labels.dtype != np.int32 or labels.ndim != 1:
        is_array = isinstance(labels, np.ndarray)
        found = f"{labels.dtype} of shape {labels.shape}" if is_array else f"a {type(labels).__name__}"
        return f"the {part_name} labels are {found}, and must be int32 of shape (examples,): astype(numpy.int32)"
    if not len(labels):
        return f"the {part_name} part has no examples"
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        wrong = low if low < 0 else high
        return f"a {part_name} label is {wrong}, and with {classes} classes they must be from 0 to {classes - 1}"
    return None


def _of_examples(part_name: str, part: Part, splits: Splits) -> str | None:
    last = part.size - 1
    try:
        pictures, labels = _read(part, [0, last])
    except Exception as error:  # whatever the user's own code, or TensorFlow about it, raises
        return f"the {part_name} examples 0 and {last} cannot be read: {told(error)}"
    if pictures.dtype != np.dtype(splits.pixel_type):
        return f"the {part_name} pictures are {pictures.dtype}, and pixel_type is {splits.pixel_type}"
    if pictures.shape[1:] != splits.input_shape:
        return f"the {part_name} pictures have shape {pictures.shape[1:]}, and input_shape is {splits.input_shape}"
    if labels.dtype != np.int32 or labels.tolist() != part.labels[[0, last]].tolist():
        return (
            f"the {part_name} examples 0 and {last} are read with the labels {labels.tolist()} ({labels.dtype}), and "
            f"labels says {part.labels[[0, last]].tolist()} (int32)"
        )
    if not np.isfinite(pictures).all():
        return f"the {part_name} pictures have values that are not finite"
    return None


def _read(part: Part, indices: list[int]) -> tuple[Any, Any]:
    import tensorflow as tf

    requests = tf.data.Dataset.from_tensors(np.asarray(indices, np.int64))
    pictures, labels = next(iter(part.read(requests, 1)))
    return pictures.numpy(), labels.numpy()
