"""A loss of Keras's, or a function of the user's, as the loss of each row."""

from typing import Any

import numpy as np

from exp.errors import UserError
from exp.system.own_code import described, told


class RowLosses:
    """Computes the loss of each row by Keras's arithmetic, without Keras's reduction over the batch."""

    def __init__(self, loss: Any) -> None:
        """Take a loss.

        Args:
            loss: a `keras.losses.Loss`, or a function (targets, outputs) -> losses of shape (rows, ...).

        Raises:
            UserError: it is neither.
        """
        import keras

        reduction = getattr(loss, "reduction", None)
        if reduction not in (None, "none", "mean", "sum_over_batch_size"):
            raise UserError(
                f"task.loss.reduction={reduction}: is not what a run does, which takes the mean over the rows"
            )
        self._compute = loss.call if isinstance(loss, keras.losses.Loss) else loss
        if isinstance(loss, keras.metrics.Metric) or not callable(self._compute):
            raise UserError(
                f"task.loss: gives {described(loss)}, not a keras.losses.Loss or a function; it must be a node such as "
                "{_target_: keras.losses.Huber}"
            )

    def __call__(self, targets: Any, outputs: Any) -> Any:
        """The losses, (rows, ...) float32.

        Args:
            targets: of each row, in the structure that the data set has.
            outputs: what the model gives for each row.

        """
        import tensorflow as tf

        losses: Any = tf.cast(self._compute(targets, outputs), tf.float32)
        return losses

    def problem(self, prepare: Any, targets: Any, outputs: Any) -> str | None:
        """Why the losses are not those of the rows, each by itself; None if they are.

        Args:
            prepare: makes of targets and outputs what the loss is given.
            targets: of some rows.
            outputs: random ones, as the model might give them for these rows.
        """
        import tensorflow as tf

        rows = len(tf.nest.flatten(outputs)[0])
        try:
            whole = self(*prepare(targets, outputs)).numpy()
            parts = []
            for part in (slice(0, rows // 3), slice(rows // 3, rows)):
                some = tf.nest.map_structure(lambda tensor, part=part: tensor[part], (targets, outputs))
                parts.append(self(*prepare(*some)).numpy())
        except Exception as error:  # whatever the loss, which may be the user's own, makes of them
            return f"task.loss: cannot be computed from these targets and outputs: {told(error)}"
        if whole.shape[:1] != (rows,):
            found = "one number" if not whole.shape else f"an array of shape {whole.shape}"
            return (
                f"task.loss: gives {found} for a batch of {rows} rows, and must give one for each row, so that padded "
                "batches and replicas change nothing"
            )
        if not np.allclose(np.concatenate(parts), whole, rtol=1e-4, atol=1e-6, equal_nan=True):
            return (
                "task.loss: the loss of a row depends on the other rows of its batch, so that it would depend on the "
                "batch size and on replicas"
            )
        return None


def as_rows(tensor: Any) -> Any:
    """Numbers with a dimension besides that of the rows, because Keras takes means over the last dimension.

    Args:
        tensor: (rows,) or (rows, ...).

    Returns:
        (rows, 1), or the tensor itself.
    """
    import tensorflow as tf

    return tensor[:, tf.newaxis] if tensor.shape.rank == 1 else tensor


def mean_over_positions(losses: Any) -> Any:
    """(rows,) losses of (rows, ...): the mean over the positions of each row."""
    import tensorflow as tf

    return losses if losses.shape.rank == 1 else tf.reduce_mean(losses, axis=list(range(1, losses.shape.rank)))
