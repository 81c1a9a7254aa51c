"""A loss of Keras's, or a function of the user's, as the loss of each row."""

from typing import Any

from exp.errors import UserError


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

        self._compute = loss.call if isinstance(loss, keras.losses.Loss) else loss
        if not callable(self._compute):
            raise UserError(f"task.loss: gives a {type(loss).__name__}, not a keras.losses.Loss or a function")

    def __call__(self, targets: Any, outputs: Any) -> Any:
        """The losses, (rows, ...) float32.

        Args:
            targets: of each row, in the structure that the data set has.
            outputs: what the model gives for each row.

        Raises:
            UserError: there is not a loss for each row.
        """
        import tensorflow as tf

        losses = tf.cast(self._compute(targets, outputs), tf.float32)
        if losses.shape.rank == 0:
            raise UserError(
                "task.loss: gives one number for a whole batch, and must give one for each row, so that padded "
                "batches and replicas change nothing"
            )
        return losses


def as_rows(tensor: Any) -> Any:
    """Numbers with a dimension besides that of the rows, because Keras takes means over the last dimension.

    Args:
        tensor: (rows,) or (rows, ...).

    Returns:
        (rows, 1), or the tensor itself.
    """
    import tensorflow as tf

    return tensor[:, tf.newaxis] if tensor.shape.rank == 1 else tensor
