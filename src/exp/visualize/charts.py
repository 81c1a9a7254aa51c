"""Charts, drawn with matplotlib without a window or any global state."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from exp.visualize.image_grid import Image

DOTS_PER_INCH = 100


def _drawn(width: float, height: float, draw: Callable[[Any], None]) -> Image:
    """The pixels of a figure of this width and height in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained")
    canvas: Any = FigureCanvasAgg(figure)
    draw(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def confusion_chart(matrix: npt.NDArray[np.int64], class_names: Sequence[str]) -> Image:
    """A confusion matrix: rows are the classes, columns the predictions, shades the share of the row."""
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    right = matrix.trace() / max(matrix.sum(), 1)

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axes.set(title=f"{right:.2%} of {matrix.sum()} right", xlabel="prediction", ylabel="class")
        axes.set_xticks(range(len(class_names)), class_names, rotation=45 if len(class_names) > 4 else 0)
        axes.set_yticks(range(len(class_names)), class_names)
        if len(class_names) <= 20:
            for row, column in np.ndindex(*matrix.shape):
                colour = "white" if shares[row, column] > 0.5 else "black"
                axes.text(column, row, str(matrix[row, column]), ha="center", va="center", color=colour)

    side = float(np.clip(2 + 0.45 * len(class_names), 4, 12))
    return _drawn(side, side, draw)


def class_mixing_chart(mixings: Sequence[Any], class_names: Sequence[str]) -> Image:
    """For each buffer size (a `ClassMixing`) the classes of the first batches, and where each example comes from."""

    def draw(figure: Any) -> None:
        table = figure.subplots(len(mixings), 2, squeeze=False)
        for (left, right), mixing in zip(table, mixings, strict=True):
            steps = np.arange(1, len(mixing.shares) + 1)
            shown = mixing.shares.T[: len(class_names)]
            left.stackplot(steps, shown, labels=class_names if len(class_names) <= 10 else ())
            left.set(title=f"buffer_size={mixing.buffer_size}", xlabel="batch", ylabel="classes", ylim=(0, 1))
            left.margins(x=0)
            right.plot(mixing.order, ",", markersize=1)
            right.set(title="where examples come from", xlabel="place in the epoch", ylabel="place before")
        if len(class_names) <= 10:
            table[0][0].legend(loc="upper right", fontsize="small")

    return _drawn(11, 2.6 * len(mixings), draw)
