"""What a network gives for pictures, if that is pictures too, as an autoencoder's: the worst of the split first."""

import heapq
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from exp.system.signals import check_current
from exp.visualize.image_grid import Image, ImageRow, draw_image_grid

SHOWN = 16


class Given(NamedTuple):
    """A picture, and what a network gives for it; all are (height, width, channels) float32."""

    loss: float
    example: int
    """Its number in the split."""
    taken: npt.NDArray[np.float32]
    wanted: npt.NDArray[np.float32]
    given: npt.NDArray[np.float32]


def worst_given(batches: Any, compute: Callable[..., Any]) -> list[Given]:
    """The pictures with the largest losses, the largest first.

    Args:
        batches: as `exp.data.evaluation_dataset` makes them.
        compute: maps the features and targets of a batch to losses (n,), and to pictures: those that the network takes,
            those that it should give, and those that it gives.

    Raises:
        Stopped: the run that is under way was asked to stop.
    """
    worst: list[Given] = []
    seen = 0
    for features, targets, counts in batches:
        check_current()
        for step, row in enumerate(counts.numpy()):
            losses, *pictures = (array[row] for array in compute(*_row(features, targets, step)))
            rows = enumerate(zip(losses, *pictures, strict=True), seen)
            found = [Given(float(loss), number, *three) for number, (loss, *three) in rows]
            worst = heapq.nlargest(SHOWN, [*worst, *found], key=lambda one: (one.loss, -one.example))
            seen += len(losses)
    return worst


def given_pictures_grid(worst: Sequence[Given], *, with_wanted: bool) -> Image:
    """Rows of pictures, one above the other: what the network takes, what it should give, and what it gives.

    Args:
        worst: what is shown.
        with_wanted: False if the network should give back what it takes.
    """
    kinds = {"the test pictures with the largest losses": "taken", "what is wanted": "wanted", "what is given": "given"}
    rows = []
    for title, kind in kinds.items():
        if kind == "wanted" and not with_wanted:
            continue
        pictures = np.stack([getattr(one, kind) for one in worst])
        captions = [f"{one.loss:.4f}" if kind == "given" else f"example {one.example}" for one in worst]
        in_range = bool(np.min([one.wanted for one in worst]) >= 0 and np.max([one.wanted for one in worst]) <= 1)
        shown = np.rint(np.clip(pictures, 0, 1) * 255).astype(np.uint8) if in_range else pictures
        rows.append(ImageRow(f"{title}{', with their losses' if kind == 'given' else ''}", shown, captions))
    return draw_image_grid(rows)


def _row(features: Any, targets: Any, step: int) -> Any:
    import tensorflow as tf

    return tf.nest.map_structure(lambda tensor: tensor[step], (features, targets))
