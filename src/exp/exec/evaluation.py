"""The loss and metrics of an evaluation, from the sums of its batches; and what is done between two of its calls."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from exp.exec.step import Sums
from exp.task import Task

Between = Callable[[], None]
"""Called before each call of an evaluation; what it raises ends the evaluation."""


class Evaluation(NamedTuple):
    """The loss and the metrics of an evaluation."""

    loss: float
    metrics: Mapping[str, float]
    """The value of each metric of the task, by name."""
    examples: int

    def facts(self) -> dict[str, Any]:
        """The values for `results.json`, by name."""
        return {"loss": self.loss, **self.metrics, "examples": self.examples}

    def tagged(self, split: str) -> dict[str, float]:
        """Loss and metrics by the names that records and event files have, such as `test/loss`."""
        return {f"{split}/loss": self.loss, **{f"{split}/{name}": value for name, value in self.metrics.items()}}


def nothing() -> None:
    """The `Between` that does nothing."""


def each(dataset: Any, between: Between) -> Iterator[Any]:
    """The elements of a data set, with something done before each."""
    for element in dataset:
        between()
        yield element


def no_sums(task: Task) -> Sums:
    """The sums over no examples: arrays that tell the type and shape of each sum."""
    metrics = {name: dict(metric.no_sums) for name, metric in task.metrics.items()}
    return Sums(np.zeros((), np.float32), metrics, np.zeros((), np.int32))


def total(task: Task, sums: Sequence[Sums]) -> Evaluation:
    """The loss and metrics from the sums of all batches, added up in double precision and in whole numbers.

    Args:
        task: what was evaluated.
        sums: of each call, as arrays: each has the shape of a sum, or one more dimension for the call's batches.
    """
    flat = [tf.nest.flatten(part) for part in sums]
    zeros = no_sums(task)
    totals = [_added(parts, zero) for parts, zero in zip(zip(*flat, strict=True), tf.nest.flatten(zeros), strict=True)]
    loss, metrics, examples = tf.nest.pack_sequence_as(zeros, totals)
    count = int(examples)
    values = {name: metric.value(metrics[name], count) for name, metric in task.metrics.items()}
    return Evaluation(float(loss) / count, values, count)


def _added(parts: Sequence[Any], zero: npt.NDArray[Any]) -> npt.NDArray[Any]:
    rows = np.concatenate([np.reshape(part, (-1, *zero.shape)) for part in parts])
    wide = np.float64 if zero.dtype.kind == "f" else np.int64
    return np.asarray(rows.astype(wide).sum(axis=0))
