"""The batches that training sees first, before and after the transforms."""

import dataclasses
from typing import Any

import numpy as np

from exp.data import Feed, Order, Splits, Transforms, plan_calls, training_dataset
from exp.terminal.words import counted
from exp.visualize.grid import Image, Row, draw_grid

BATCHES = 4
MOST_PICTURES = 32
"""Of each batch."""


def batches_grid(splits: Splits, order: Order, feed: Feed, *, first: int = 0) -> Image:
    """A grid of up to four successive batches, from step `first` (counted from 0) on, of one shuffle."""
    feed = dataclasses.replace(feed, steps_per_call=1, rows=None)
    plain = Transforms([], input_shape=splits.input_shape, pixel_type=splits.pixel_type)
    calls = plan_calls(first=first, last=first + BATCHES, steps_per_call=1, every=1)
    before = training_dataset(splits.train, order, calls, dataclasses.replace(feed, transforms=plain))
    rows = _rows(before, splits, first, "before transforms" if feed.transforms else "")
    if feed.transforms:
        after = _rows(training_dataset(splits.train, order, calls, feed), splits, first, "after transforms")
        rows = [row for pair in zip(rows, after, strict=True) for row in pair]
    return draw_grid(rows)


def _rows(dataset: Any, splits: Splits, first: int, what: str) -> list[Row]:
    rows = []
    for step, (pictures, labels) in enumerate(dataset, first + 1):
        size = labels.shape[1]
        shown = min(size, MOST_PICTURES)
        names = [splits.class_names[label] for label in labels.numpy()[0, :shown]]
        part = f"the first {shown} of {size} examples" if shown < size else counted(size, "example")
        title = f"step {step}: {part}{', ' + what if what else ''}"
        rows.append(Row(title, np.asarray(pictures[0, :shown]), names))
    return rows
