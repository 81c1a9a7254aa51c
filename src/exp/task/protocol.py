"""The protocols of a task: the loss of each row, and metrics as sums that add up. No TensorFlow at import.

A row is one example of a batch. A task knows nothing of batches that are divided among replicas or filled up with rows
that do not count: the training step and the evaluation step see to that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy.typing as npt

from exp.errors import UserError


class UnfitError(UserError):
    """A task is not for such a data set; the message ends a sentence that names both."""


Direction = Literal["max", "min"]
"""Whether the best value of a metric is the largest or the smallest one."""


class Metric(Protocol):
    """A figure of an evaluation, computed from sums that add up over batches and replicas."""

    @property
    def direction(self) -> Direction | None:
        """Which values of the metric are better; None if that is not known."""

    @property
    def no_sums(self) -> Mapping[str, npt.NDArray[Any]]:
        """The sums over no examples at all, by name: zeros that tell the shape and the type of each sum."""

    def sums(self, targets: Any, outputs: Any, counts: Any, weights: Any = None) -> Mapping[str, Any]:
        """The sums over the rows of a batch that count.

        Args:
            targets: of each row, in the structure that the data set has.
            outputs: what the model gives for each row.
            counts: (rows,) bool: False for a row that only fills up a batch.
            weights: float32, (rows,), or of the shape of the targets; None: all count alike.

        Returns:
            Tensors with the names, shapes and types of `no_sums`.
        """

    def value(self, totals: Mapping[str, npt.NDArray[Any]], examples: int) -> float:
        """The value of the metric, from the totals over all examples: in float64 and int64."""

    def value_from_keras(self, result: float, examples: int) -> float:
        """The value of the metric, from the result of its counterpart in `KerasForm.metrics`."""

    def of_keras(self) -> Any:
        """A new `keras.metrics.Metric` that computes the same, for `exec=fit`."""


@dataclass(frozen=True)
class KerasForm:
    """The counterparts of a task in Keras, for `exec=fit`; they are made anew for each model."""

    loss: Any
    """A `keras.losses.Loss` that takes the mean over the rows."""
    mean_loss: Any
    """A `keras.metrics.Metric` with the mean of that loss, whose variable `count` is the sum of the sample weights."""
    metrics: Mapping[str, Any]
    """For each metric of the task, by name, a `keras.metrics.Metric`."""


class Task(Protocol):
    """What a model is trained for."""

    @property
    def is_of_classes(self) -> bool:
        """Whether targets are classes, of which predictions are shown as such."""

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """What an evaluation reports beside the loss, by the name that records and event files have."""

    def output_problem(self, output: Any, *, data: str) -> str | None:
        """What makes a model unfit for the task, as the end of a sentence about the model; None if it is fit.

        Args:
            output: the symbolic output of the model for one batch: a `keras.KerasTensor`, or a structure of them.
            data: the name of the data set.
        """

    def losses(self, targets: Any, outputs: Any) -> Any:
        """The loss of each row, or of each position of each row: float32, (rows, ...).

        Args:
            targets: of each row, in the structure that the data set has.
            outputs: what the model gives for each row.
        """

    def named_outputs(self, outputs: Any) -> Mapping[str, Any]:
        """What an exported model gives, by name.

        Args:
            outputs: what the model gives for each row, as tensors.
        """

    def keras_form(self) -> KerasForm:
        """The loss and the metrics as objects of Keras."""
