"""A task's loss as objects of Keras, for `exec=fit`."""

from collections.abc import Mapping
from typing import Any

from exp.task.keras_loss import mean_over_positions
from exp.task.protocol import KerasForm, Task


def keras_form_of(task: Task, metrics: Mapping[str, Any]) -> KerasForm:
    """Wrap a task's own losses.

    Args:
        task: its losses are taken.
        metrics: the counterparts of its metrics, which have no state yet.
    """
    import keras

    def row_losses(targets: Any, outputs: Any) -> Any:
        return mean_over_positions(task.losses(targets, outputs))

    class TaskLoss(keras.losses.Loss):  # type: ignore[misc]
        """The mean of the losses of the rows."""

        def call(self, y_true: Any, y_pred: Any) -> Any:
            return row_losses(y_true, y_pred)

    return KerasForm(
        loss=TaskLoss(),
        mean_loss=keras.metrics.MeanMetricWrapper(row_losses, name="mean_loss"),
        metrics=metrics,
    )
