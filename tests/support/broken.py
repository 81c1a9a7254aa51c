"""Networks and data sets as people write them who make a mistake, one mistake each."""

from dataclasses import replace
from typing import Any

import numpy as np

from exp.data import Dataset, Spec, Split, array_split
from exp.data.dataset import LABELS


def adds_text(*, input_shape: tuple[int, ...], classes: int) -> Any:
    """A TypeError in `call`."""
    import keras

    class Adds(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.logits = keras.layers.Dense(classes)

        def call(self, pictures: Any) -> Any:
            return self.logits(pictures) + "a"

    return Adds()


def misspells(*, input_shape: tuple[int, ...], classes: int) -> Any:
    """An AttributeError in `call`."""
    import keras

    class Misspells(keras.Model):
        def call(self, pictures: Any) -> Any:
            return self.logitz(pictures)

    return Misspells()


def reshapes(*, input_shape: tuple[int, ...], classes: int) -> Any:
    """A wrong shape inside of one of Keras's layers."""
    import keras

    class Reshapes(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.square = keras.layers.Reshape((7, 7))

        def call(self, pictures: Any) -> Any:
            return self.square(pictures)

    return Reshapes()


def piles(*, input_shape: tuple[int, ...], classes: int) -> Any:
    """A wrong shape with no line of one's own in it."""
    import keras

    return keras.Sequential([keras.layers.Reshape((7, 7)), keras.layers.Dense(classes)])


def looks_up(*, input_shape: tuple[int, ...], classes: int) -> Any:
    """An error before there is a network."""
    return {}["hidden"]


def gives_nothing(*, input_shape: tuple[int, ...], classes: int) -> None:
    """No network at all."""


def fails_in_training(*, input_shape: tuple[int, ...], classes: int) -> Any:
    """An error that shows in training only."""
    import keras

    class Fails(keras.layers.Dense):
        def call(self, pictures: Any, training: bool = False) -> Any:
            if training:
                raise RuntimeError("broken on purpose")
            return super().call(pictures)

    return keras.Sequential([keras.layers.Flatten(), Fails(classes)])


def splits(*, kind: str = "good", **_: Any) -> Any:
    """A small data set that is wrong in the way that `kind` says."""
    pictures: Any = np.random.default_rng(0).integers(0, 256, (200, 8, 8, 1)).astype(np.uint8)
    labels: Any = (np.arange(200) % 2).astype(np.int32)
    split = array_split(pictures, labels)
    good = Dataset(
        name="small",
        source="made",
        train=split,
        test=split,
        features=Spec((8, 8, 1), "uint8"),
        targets=LABELS,
        class_names=("a", "b"),
        fingerprint="0",
    )
    scaled = (pictures / 255).astype(np.float32)

    def broken(requests: Any, threads: int) -> Any:
        def load(indices: Any) -> Any:
            return absent(indices)  # type: ignore[name-defined] # noqa: F821

        return requests.map(load)

    def with_split(changed: Split, *, dtype: str = "uint8") -> Dataset:
        return replace(good, train=changed, test=changed, features=Spec((8, 8, 1), dtype))

    made = {
        "good": lambda: good,
        "good_floats": lambda: with_split(array_split(scaled, labels), dtype="float32"),
        "int64_labels": lambda: with_split(array_split(pictures, labels.astype(np.int64))),
        "listed_labels": lambda: with_split(array_split(pictures, labels.tolist())),
        "columns": lambda: with_split(array_split(pictures, labels[:, None])),
        "float64": lambda: with_split(array_split(pictures / 255, labels), dtype="float32"),
        "float64_said": lambda: with_split(array_split(pictures / 255, labels), dtype="float64"),
        "unequal": lambda: with_split(array_split(pictures[:150], labels)),
        "unequal_by_hand": lambda: with_split(replace(split, read=array_split(pictures[:9], labels[:9]).read)),
        "label_2_of_2": lambda: with_split(array_split(pictures, labels + 1)),
        "negative": lambda: with_split(array_split(pictures, labels - 1)),
        "empty": lambda: with_split(array_split(pictures[:0], labels[:0])),
        "another_shape": lambda: replace(good, features=Spec((8, 8), "uint8")),
        "not_finite": lambda: with_split(array_split(scaled * np.nan, labels), dtype="float32"),
        "no_names": lambda: replace(good, class_names=()),
        "unreadable": lambda: with_split(replace(split, read=broken)),
        "nothing": lambda: None,
    }
    return made[kind]()
