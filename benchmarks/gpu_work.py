"""What `benchmarks/gpu.py` trains: networks, the shapes of their pictures, and the pictures themselves.

This file needs NumPy only, because PyTorch may have a Python of its own. `load` alone needs the project.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

LEARNING_RATE = 0.001
PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class Work:
    """A network, and the batches that it is trained on."""

    title: str
    network: str
    """`cnn`, `conv-catsdogs` or `resnet50`."""
    shape: tuple[int, int, int]
    """Of a picture: height, width, channels."""
    classes: int
    batch_size: int
    examples: int
    """Pictures in memory."""
    first: int
    """Steps by which it warms up, and shows how long one takes."""


WORKS = {
    "cnn-50": Work("cnn, 28x28x1, batch 50", "cnn", (28, 28, 1), 10, 50, 60_000, 100),
    "cnn-512": Work("cnn, 28x28x1, batch 512", "cnn", (28, 28, 1), 10, 512, 60_000, 100),
    "photographs": Work("conv-catsdogs, 128x128x3, batch 32", "conv-catsdogs", (128, 128, 3), 2, 32, 2048, 100),
    "resnet50": Work("ResNet-50, 224x224x3, batch 64", "resnet50", (224, 224, 3), 1000, 64, 512, 10),
}
SMOKE = {
    "cnn-50": Work("cnn, 28x28x1, batch 8", "cnn", (28, 28, 1), 10, 8, 64, 2),
    "cnn-512": Work("cnn, 28x28x1, batch 16", "cnn", (28, 28, 1), 10, 16, 64, 2),
    "photographs": Work("conv-catsdogs, 24x24x3, batch 4", "conv-catsdogs", (24, 24, 3), 2, 4, 16, 2),
    "resnet50": Work("ResNet-50, 32x32x3, batch 2", "resnet50", (32, 32, 3), 10, 2, 8, 1),
}
"""The same for a machine without a GPU, to see that everything works: sizes of which no figure means anything."""


def pictures(
    shape: tuple[int, ...], classes: int, examples: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
    """Pictures that are drawn at random, and labels; the same ones every time."""
    random = np.random.default_rng(0)
    drawn = random.integers(0, 256, (examples, *shape), np.uint8)
    return drawn, random.integers(0, classes, examples).astype(np.int32)


def load(*, shape: list[int], classes: int, examples: int) -> Any:
    """The same pictures as a data set of this project; `data._target_` names this function."""
    from exp.data import arrays

    features, labels = pictures(tuple(shape), classes, examples)
    names = [str(number) for number in range(classes)]
    return arrays(
        train=(features, labels), test=(features[:2], labels[:2]), name="drawn", source="drawn", class_names=names
    )


def overrides(work: Work, *, precision: str) -> list[str]:
    """The work as a command line of `run.py`."""
    model = {"resnet50": ["~model", "+model._target_=keras.applications.ResNet50"]}
    return [
        *model.get(work.network, [f"model={work.network}"]),
        "trusted_targets=[benchmarks.]",
        "~data",
        "+data._target_=benchmarks.gpu_work.load",
        f"+data.shape={list(work.shape)}",
        f"+data.classes={work.classes}",
        f"+data.examples={work.examples}",
        f"data.batch_size={work.batch_size}",
        "data.on_leak=ignore",
        f"optimizer.learning_rate={LEARNING_RATE}",
        f"train.precision={'float32' if precision == 'float32' else 'mixed_' + precision}",
    ]
