"""The pictures of the batches that training sees first, before and after the transforms."""

import dataclasses
from typing import Any

import numpy as np

from exp.data import Dataset, Feed, ImageTransforms, Order, plan_calls, training_dataset
from exp.terminal.words import counted
from exp.visualize.image_grid import Image, ImageRow, draw_image_grid

BATCHES = 4
MOST_PICTURES = 32
"""The largest number of pictures that are shown of a batch."""


def image_batches_grid(data: Dataset, *, order: Order, feed: Feed, first: int = 0) -> Image:
    """A grid of up to four successive batches of pictures, from step `first` (counted from 0) on, of one shuffle."""
    feed = dataclasses.replace(feed, steps_per_call=1, rows=None)
    plain = ImageTransforms([], features=data.features)
    calls = plan_calls(first=first, last=first + BATCHES, steps_per_call=1, every=1)
    before = training_dataset(data.train, order, calls, dataclasses.replace(feed, transforms=plain))
    rows = _rows(before, data, first, "before transforms" if feed.transforms else "")
    if feed.transforms:
        after = _rows(training_dataset(data.train, order, calls, feed), data, first, "after transforms")
        rows = [row for pair in zip(rows, after, strict=True) for row in pair]
    return draw_image_grid(rows)


def _rows(batches: Any, data: Dataset, first: int, what: str) -> list[ImageRow]:
    rows = []
    class_names = data.class_names or ()
    for step, (pictures, targets) in enumerate(batches, first + 1):
        size = pictures.shape[1]
        shown = min(size, MOST_PICTURES)
        labels = targets.numpy()[0, :shown] if data.is_pictures_of_classes else ()
        names = [class_names[label] for label in labels] or [""] * shown
        part = f"the first {shown} of {size} examples" if shown < size else counted(size, "example")
        title = f"step {step}: {part}{', ' + what if what else ''}"
        rows.append(ImageRow(title, np.asarray(pictures[0, :shown]), names))
    return rows
