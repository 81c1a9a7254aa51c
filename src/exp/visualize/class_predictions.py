"""What a network made of the test pictures: the worst mistakes first, and a confusion matrix."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from exp.data import Dataset
from exp.system.signals import check_current
from exp.terminal.words import counted
from exp.visualize.image_grid import RIGHT, WRONG, Image, ImageRow, draw_image_grid

SHOWN = 32


@dataclass(frozen=True)
class ClassPredictions:
    """The classes that a network predicts for all test examples, in order."""

    labels: npt.NDArray[np.int32]
    """(n,): the classes."""
    probabilities: npt.NDArray[np.float64]
    """(n, classes)."""

    @property
    def predicted(self) -> npt.NDArray[np.int64]:
        """(n,): the most probable classes."""
        return np.asarray(self.probabilities.argmax(axis=1))

    def worst_first(self) -> npt.NDArray[np.int64]:
        """The indices, those first whose own class was given the least probability."""
        own = self.probabilities[np.arange(len(self.labels)), self.labels]
        return np.argsort(own, kind="stable")

    def confusion(self) -> npt.NDArray[np.int64]:
        """(classes, classes): how many examples of a row's class were taken for a column's."""
        classes = self.probabilities.shape[1]
        flat = np.bincount(self.labels * classes + self.predicted, minlength=classes**2)
        return flat.reshape(classes, classes)


def predict_classes(dataset: Any, logits_of: Callable[[Any], npt.NDArray[Any]]) -> ClassPredictions:
    """Predict the class of every example of a split.

    Args:
        dataset: as `exp.data.evaluation_dataset` makes it.
        logits_of: maps (n, height, width, channels) pictures to (n, classes) logits.

    Raises:
        Stopped: the run that is under way was asked to stop.
    """
    labels, logits = [], []
    for pictures, batch_labels, counts in dataset:
        check_current()
        for step in range(batch_labels.shape[0]):
            counted_rows = counts[step].numpy()
            labels.append(batch_labels[step].numpy()[counted_rows])
            logits.append(logits_of(pictures[step])[counted_rows].astype(np.float64))
    rows = np.concatenate(logits)
    exponentials = np.exp(rows - rows.max(axis=1, keepdims=True))
    return ClassPredictions(np.concatenate(labels), exponentials / exponentials.sum(axis=1, keepdims=True))


def worst_images_grid(data: Dataset, predictions: ClassPredictions) -> Image:
    """The pictures, as they are before transforms, whose class surprised the network most."""
    import tensorflow as tf

    chosen = predictions.worst_first()[:SHOWN]
    requests = tf.data.Dataset.from_tensors(chosen.astype(np.int64))
    pictures, labels = next(iter(data.test.read(requests, tf.data.AUTOTUNE)))
    captions, colours = [], []
    names = data.class_names or ()
    for index, label in zip(chosen, labels.numpy(), strict=True):
        guess = int(predictions.predicted[index])
        share = f"{predictions.probabilities[index, guess]:.0%}"
        captions.append(f"{names[label]} {share}" if guess == label else f"{names[label]} as {names[guess]} {share}")
        colours.append(RIGHT if guess == label else WRONG)
    wrong = int((predictions.predicted != predictions.labels).sum())
    title = f"{counted(wrong, 'mistake')} in {counted(len(predictions.labels), 'test picture')}, the worst first"
    return draw_image_grid([ImageRow(title, pictures.numpy(), captions, colours)], columns=8, side=128)
