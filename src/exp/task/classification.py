"""Classification: each example belongs to one of several classes, and the model gives a logit for each class."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from exp.task.protocol import Direction, KerasForm, Metric


class Accuracy:
    """The share of the examples whose class has the largest logit."""

    direction: Direction = "max"

    @property
    def no_sums(self) -> Mapping[str, npt.NDArray[Any]]:
        """`correct` counts the examples whose class was predicted: a scalar int32."""
        return {"correct": np.zeros((), np.int32)}

    def sums(self, targets: Any, outputs: Any, counts: Any) -> Mapping[str, Any]:
        """Count the correct predictions.

        Args:
            targets: (rows,) int32 classes.
            outputs: (rows, classes) logits.
            counts: (rows,) bool.
        """
        import tensorflow as tf

        correct = tf.equal(tf.argmax(outputs, axis=-1, output_type=tf.int32), targets)
        return {"correct": tf.reduce_sum(tf.cast(tf.logical_and(correct, counts), tf.int32))}

    def value(self, totals: Mapping[str, npt.NDArray[Any]], examples: int) -> float:
        """A quotient of whole numbers."""
        return int(totals["correct"]) / examples

    def value_from_keras(self, result: float, examples: int) -> float:
        """Undo the rounding to float32: the number of correct predictions is whole."""
        return round(result * examples) / examples


@dataclass(frozen=True)
class Classification:
    """Softmax cross-entropy in nats, and the accuracy."""

    classes: int
    """The number of classes; targets are int32 from 0 to `classes` - 1."""

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """The accuracy alone."""
        return MappingProxyType({"accuracy": Accuracy()})

    def output_problem(self, output: Any, *, data: str) -> str | None:
        """A model must give one tensor of float32 logits, of shape (batch, classes)."""
        import keras

        if not isinstance(output, keras.KerasTensor):
            return f"must give one tensor, of shape (batch, classes), and gives a {type(output).__name__}"
        if tuple(output.shape) != (None, self.classes):
            return f"gives {tuple(output.shape)}, and data={data} has {self.classes} classes"
        if output.dtype != "float32":
            return f"gives {output.dtype}; its last layer must have dtype='float32'"
        return None

    def losses(self, targets: Any, outputs: Any) -> Any:
        """The softmax cross-entropy of each example, in nats: (rows,) float32.

        Args:
            targets: (rows,) int32 classes.
            outputs: (rows, classes) float32 logits.
        """
        import tensorflow as tf

        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=outputs)

    def keras_form(self) -> KerasForm:
        """Keras's sparse categorical cross-entropy from logits, and its accuracy."""
        import keras

        return KerasForm(
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            mean_loss=keras.metrics.SparseCategoricalCrossentropy(from_logits=True, name="cross_entropy"),
            metrics={"accuracy": keras.metrics.SparseCategoricalAccuracy(name="sparse_categorical_accuracy")},
        )
