"""The former names of a data set and its splits, for users' own data sets: each works, and warns.

`exp.data.Dataset` and `exp.data.Split` take their place, and `exp.data.array_split` that of `array_part`.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from exp.data.dataset import LABELS, Dataset, Skipped, Spec, fingerprint_of
from exp.data.split import Labels, Split, array_split, as_written

__all__ = ["Labels", "Part", "Skipped", "Splits", "array_part", "as_dataset", "fingerprint_of"]


@dataclass(frozen=True)
class Part:
    """The former `Split`: its `read` gives uint8 or float32 pictures, and the label -1 for the index -1."""

    labels: Labels
    read: Callable[[Any, int], Any]

    def __post_init__(self) -> None:
        _warn("exp.data.Part", "exp.data.Split")

    @property
    def size(self) -> int:
        """The number of examples."""
        return len(self.labels)


@dataclass(frozen=True)
class Splits:
    """The former `Dataset`, for pictures of classes."""

    name: str
    source: str
    train: Any
    test: Any
    input_shape: tuple[int, ...]
    pixel_type: str
    class_names: tuple[str, ...]
    fingerprint: str
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _warn("exp.data.Splits", "exp.data.Dataset")

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)


def array_part(pictures: npt.NDArray[np.uint8], labels: Labels, *, copied: bool = True) -> Split:
    """The former name of `array_split`."""
    _warn("exp.data.base.array_part", "exp.data.array_split", stacklevel=3)
    return array_split(pictures, labels, copied=copied)


def as_dataset(loaded: Any) -> Any:
    """A `Dataset` from what a user's `load` returned, if it has a former name in it; else what was returned."""
    if isinstance(loaded, Splits):
        loaded = Dataset(
            name=loaded.name,
            source=loaded.source,
            train=loaded.train,
            test=loaded.test,
            features=Spec(loaded.input_shape, loaded.pixel_type),
            targets=LABELS,
            class_names=loaded.class_names,
            fingerprint=loaded.fingerprint,
            skipped=loaded.skipped,
            notes=loaded.notes,
        )
    if isinstance(loaded, Dataset):
        return replace(loaded, train=_as_split(loaded.train), test=_as_split(loaded.test))
    return loaded


def _as_split(part: Any) -> Any:
    if not isinstance(part, Part):
        return part

    def read(requests: Any, threads: int) -> Any:
        import tensorflow as tf

        def counted(pictures: Any, labels: Any) -> tuple[Any, Any]:
            return pictures, tf.maximum(labels, 0)  # the label -1 of a row that only fills up a batch is no class

        return part.read(requests, threads).map(as_written(counted))

    return Split(size=part.size, read=read, targets=part.labels)


def _warn(former: str, name: str, *, stacklevel: int = 4) -> None:
    """Warn whoever used a former name: past this function, and past `__post_init__` and `__init__`."""
    warnings.warn(f"{former} is now called {name}", FutureWarning, stacklevel=stacklevel)
