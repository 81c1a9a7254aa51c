"""Regression: each example, or each position of one, has numbers, and the model gives as many."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from exp.task.keras_form import keras_form_of
from exp.task.keras_loss import RowLosses, as_rows
from exp.task.keras_metric import KerasMetric
from exp.task.protocol import KerasForm, UnfitError


def create(*, loss: Any, metrics: Mapping[str, Any], targets: Any, weighted: str | None = None) -> "Regression":
    """Numbers that a model learns by a loss of Keras's, or of the user's.

    Args:
        loss: a `keras.losses.Loss`, or a function (targets, outputs) -> losses of shape (rows, ...).
        metrics: `keras.metrics.Metric`s by the names that results have.
        targets: the `tf.TensorSpec` of an example's targets, without the batch dimension.
        weighted: whether `examples` or their `positions` have weights.

    Raises:
        UnfitError: the targets are not one array.
        UserError: something else is given than a loss and metrics.
    """
    import tensorflow as tf

    if not isinstance(targets, tf.TensorSpec):
        raise UnfitError("regression learns one array of numbers, and there are several")
    prepare = each_by_itself if weighted == "positions" else aligned
    made = {name: KerasMetric(name, metric, prepare=prepare) for name, metric in metrics.items()}
    return Regression(tuple(targets.shape), RowLosses(loss), MappingProxyType(made), prepare)


def metric_names(*, metrics: Mapping[str, Any], loss: Any = None) -> list[str]:
    """The names of the metrics, without making the task."""
    return list(metrics)


@dataclass(frozen=True)
class Regression:
    """A loss of numbers, and metrics of Keras's."""

    shape: tuple[int, ...]
    """Of an example's targets."""
    row_losses: RowLosses
    metrics: Mapping[str, KerasMetric]
    prepare: Callable[[Any, Any], tuple[Any, Any]]
    """Makes of targets and outputs what Keras takes."""
    is_of_classes: bool = False

    def output_problem(self, output: Any, *, data: str) -> str | None:
        """A model must give one float32 tensor with the shape of the targets; a single number may have a dimension."""
        import keras

        if not isinstance(output, keras.KerasTensor):
            return f"must give one tensor, of the shape of the targets, and gives a {type(output).__name__}"
        allowed = {(None, *self.shape), *([(None, 1)] if self.shape == () else [])}
        if tuple(output.shape) not in allowed:
            return f"gives {tuple(output.shape)}, and the targets of data={data} have {(None, *self.shape)}"
        if output.dtype != "float32":
            return f"gives {output.dtype}; its last layer must have dtype='float32'"
        return None

    def losses(self, targets: Any, outputs: Any) -> Any:
        """The loss of each row, or of each position of each row: float32."""
        return self.row_losses(*self.prepare(targets, outputs))

    def named_outputs(self, outputs: Any) -> Mapping[str, Any]:
        """The numbers, as the model gives them."""
        return {"outputs": outputs}

    def keras_form(self) -> KerasForm:
        """The loss and the metrics as objects of Keras."""
        return keras_form_of(self, {name: metric.of_keras() for name, metric in self.metrics.items()})


def aligned(targets: Any, outputs: Any) -> tuple[Any, Any]:
    """Targets as float32, and both with a dimension besides that of the rows: Keras takes means over the last one."""
    import tensorflow as tf

    return as_rows(tf.cast(targets, tf.float32)), as_rows(outputs)


def each_by_itself(targets: Any, outputs: Any) -> tuple[Any, Any]:
    """Targets as float32, and both with one more dimension, so that each number keeps a loss of its own."""
    import tensorflow as tf

    return tf.cast(targets, tf.float32)[..., tf.newaxis], outputs[..., tf.newaxis]
