"""Classification: each example, or each position of one, belongs to one of several classes.

A model gives a logit for each class.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from exp.errors import UserError
from exp.task.keras_form import keras_form_of
from exp.task.keras_metric import KerasMetric, weighted_counts
from exp.task.protocol import Direction, KerasForm, Metric, UnfitError

ACCURACY = "accuracy"


def create(
    *,
    label_smoothing: float,
    class_weights: Sequence[float] | None,
    top_k: Sequence[int],
    metrics: Mapping[str, Any],
    classes: int,
    targets: Any,
    weighted: str | None = None,
) -> "Classification":
    """Softmax cross-entropy in nats, the accuracy, and what is asked for besides.

    Args:
        label_smoothing: of the loss: the share of a target that is spread evenly over all classes, from 0 to 1.
        class_weights: of the loss: a weight for each class, by which losses of its examples are multiplied.
        top_k: numbers k: `top_K_accuracy` is the share of examples whose class is among the k largest logits.
        metrics: further `keras.metrics.Metric`s by the names that results have; they are given classes and logits.
        classes: the number of classes; 0 if the data set has none.
        targets: the `tf.TensorSpec` of an example's targets, without the batch dimension.
        weighted: whether `examples` or their `positions` have weights; None if all count alike.

    Raises:
        UnfitError: the targets are no classes.
        UserError: something does not fit the number of classes.
    """
    import tensorflow as tf

    if not isinstance(targets, tf.TensorSpec) or not targets.dtype.is_integer or not classes:
        kind = targets.dtype.name if isinstance(targets, tf.TensorSpec) else "several arrays"
        if kind.startswith("int"):
            kind += ", and below 0 or of too many kinds"
        raise UnfitError(f"classification needs one whole number from 0 on for each class, and the targets are {kind}")
    if not 0 <= label_smoothing < 1:
        raise UserError(f"task.label_smoothing={label_smoothing}: must be at least 0 and below 1")
    weights = tuple(map(float, class_weights)) if class_weights is not None else None
    if weights is not None and (len(weights) != classes or min(weights) < 0):
        raise UserError(f"task.class_weights: must have a number of at least 0 for each of the {classes} classes")
    wrong = [k for k in top_k if not 0 < k <= classes]
    if wrong:
        raise UserError(f"task.top_k={wrong[0]}: must be from 1 to {classes}, the number of classes")
    shape = tuple(targets.shape)
    positions = math.prod(shape)
    made: dict[str, Metric] = {ACCURACY: Accuracy(positions, weighted=weighted is not None)}
    made |= {f"top_{k}_accuracy": TopK(positions, weighted=weighted is not None, k=k) for k in top_k}
    for name, metric in metrics.items():
        made[name] = KerasMetric(name, metric)
        if metric.get_config().get("from_logits") is False:
            raise UserError(
                f"task.metrics.{name}: takes probabilities, and the model gives logits; add from_logits: true"
            )
    return Classification(
        classes=classes, shape=shape, label_smoothing=label_smoothing, class_weights=weights, metrics=made
    )


def metric_names(*, top_k: Sequence[int], metrics: Mapping[str, Any], **others: Any) -> list[str]:
    """The names of the metrics, without making the task."""
    return [ACCURACY, *(f"top_{k}_accuracy" for k in top_k), *metrics]


@dataclass(frozen=True)
class Accuracy:
    """The share of the examples, or positions, whose class has the largest logit."""

    positions: int = 1
    """Of an example."""
    direction: Direction = "max"

    weighted: bool = False
    """Whether examples, or positions, have weights."""

    @property
    def no_sums(self) -> Mapping[str, npt.NDArray[Any]]:
        """`correct` counts the classes that were predicted: a scalar int32; with weights, both are sums of them."""
        if self.weighted:
            return {"correct": np.zeros((), np.float64), "all": np.zeros((), np.float64)}
        return {"correct": np.zeros((), np.int32)}

    def sums(self, targets: Any, outputs: Any, counts: Any, weights: Any = None) -> Mapping[str, Any]:
        """Count the correct predictions.

        Args:
            targets: (rows, ...) int32 classes.
            outputs: (rows, ..., classes) logits.
            counts: (rows,) bool.
            weights: float32, (rows,) or (rows, ...); None: all count alike.
        """
        import tensorflow as tf

        correct = self._correct(tf, targets, outputs)
        if weights is None:
            return {"correct": _counted(correct, counts)}
        parts = weighted_counts(counts, weights, tf.float64)
        parts = tf.broadcast_to(
            tf.reshape(parts, [*parts.shape, *[1] * (correct.shape.rank - parts.shape.rank)]), correct.shape
        )
        return {"correct": tf.reduce_sum(parts * tf.cast(correct, tf.float64)), "all": tf.reduce_sum(parts)}

    def _correct(self, tf: Any, targets: Any, outputs: Any) -> Any:
        return tf.equal(tf.argmax(outputs, axis=-1, output_type=tf.int32), targets)

    def value(self, totals: Mapping[str, npt.NDArray[Any]], examples: int) -> float:
        """A quotient of whole numbers, or of sums of weights."""
        if self.weighted:
            return float(totals["correct"] / totals["all"])
        return int(totals["correct"]) / (examples * self.positions)

    def value_from_keras(self, result: float, examples: int) -> float:
        """Undo the rounding to float32: the number of correct predictions is whole."""
        return round(result * examples * self.positions) / (examples * self.positions)

    def of_keras(self) -> Any:
        """Keras's counterpart."""
        import keras

        return keras.metrics.SparseCategoricalAccuracy(name="sparse_categorical_accuracy")


@dataclass(frozen=True)
class TopK(Accuracy):
    """The share of the examples, or positions, whose class is among the k largest logits."""

    k: int = 1

    def _correct(self, tf: Any, targets: Any, outputs: Any) -> Any:
        flat = tf.math.in_top_k(tf.reshape(targets, [-1]), tf.reshape(outputs, [-1, outputs.shape[-1]]), self.k)
        return tf.reshape(flat, tf.shape(targets))

    def of_keras(self) -> Any:
        """Keras's counterpart."""
        import keras

        return keras.metrics.SparseTopKCategoricalAccuracy(k=self.k, name=f"top_{self.k}_accuracy")


def _counted(correct: Any, counts: Any) -> Any:
    """How many values are true in the rows that count."""
    import tensorflow as tf

    rows = tf.reshape(counts, [-1, *[1] * (correct.shape.rank - 1)])
    return tf.reduce_sum(tf.cast(tf.logical_and(correct, rows), tf.int32))


@dataclass(frozen=True, kw_only=True)
class Classification:
    """Softmax cross-entropy in nats, and metrics."""

    classes: int
    """The number of classes; targets are int32 from 0 to `classes` - 1."""
    shape: tuple[int, ...] = ()
    """Of an example's targets: () for one class an example, (positions,) for one at each position."""
    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] | None = None
    is_of_classes: bool = True
    metrics: Mapping[str, Metric] = field(default_factory=lambda: MappingProxyType({ACCURACY: Accuracy()}))

    def output_problem(self, output: Any, *, data: str) -> str | None:
        """A model must give one tensor of float32 logits, of shape (batch, ..., classes)."""
        import keras

        if not isinstance(output, keras.KerasTensor):
            return f"must give one tensor, of shape (batch, classes), and gives a {type(output).__name__}"
        if tuple(output.shape) != (None, *self.shape, self.classes):
            at_each = f" at each of {self.shape} positions" if self.shape else ""
            return f"gives {tuple(output.shape)}, and data={data} has {self.classes} classes{at_each}"
        if output.dtype != "float32":
            return f"gives {output.dtype}; its last layer must have dtype='float32'"
        return None

    def losses(self, targets: Any, outputs: Any) -> Any:
        """The softmax cross-entropy in nats: (rows, ...) float32.

        Args:
            targets: (rows, ...) int32 classes.
            outputs: (rows, ..., classes) float32 logits.
        """
        import tensorflow as tf

        targets = tf.cast(targets, tf.int32)  # Keras's fit makes them float32
        if self.label_smoothing:
            even = self.label_smoothing / self.classes
            wanted = tf.one_hot(targets, self.classes) * (1 - self.label_smoothing) + even
            losses = tf.nn.softmax_cross_entropy_with_logits(labels=wanted, logits=outputs)
        else:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=outputs)
        if self.class_weights is not None:
            losses *= tf.gather(tf.constant(self.class_weights), targets)
        return losses

    def named_outputs(self, outputs: Any) -> Mapping[str, Any]:
        """The logits, and the probabilities that they stand for."""
        import tensorflow as tf

        return {"logits": outputs, "probabilities": tf.nn.softmax(outputs)}

    def keras_form(self) -> KerasForm:
        """Keras's sparse categorical cross-entropy from logits, if that is the loss of an example; and the metrics."""
        import keras

        metrics = {name: metric.of_keras() for name, metric in self.metrics.items()}
        if self.shape or self.label_smoothing or self.class_weights is not None:
            return keras_form_of(self, metrics)
        return KerasForm(
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            mean_loss=keras.metrics.SparseCategoricalCrossentropy(from_logits=True, name="cross_entropy"),
            metrics=metrics,
        )
