"""The training step and the evaluation step, written once; every execution mode runs these.

Features are one tensor or a structure of tensors. Those of type uint8 are pixels, and are scaled inside the graph; all
others reach the model as they are. What outputs and targets mean is the task's to know.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from exp.exec.recipe import Recipe, in_parts
from exp.task import Task
from exp.task.keras_loss import mean_over_positions

SCALE = 1 / 255
"""From uint8 pixels to 0..1."""


PLAIN = Recipe()


class Sums(NamedTuple):
    """What a batch adds to the figures of an evaluation: sums, so that no average of averages is ever taken."""

    loss: tf.Tensor
    """float32: the summed losses of the examples."""
    metrics: Mapping[str, Mapping[str, tf.Tensor]]
    """For each metric of the task, by name, its sums."""
    examples: tf.Tensor
    """int32: how many examples there were."""


class Update(NamedTuple):
    """What a training step did."""

    loss: tf.Tensor
    """float32: the mean loss of the batch, before the update; a step of one's own may give a vector of several."""
    gradients: list[Any]
    """For each trainable variable, in order; None if the loss does not depend on it."""


def as_float32(outputs: Any) -> Any:
    """What a model gives, with half-precision numbers as float32: losses and metrics are computed in that."""
    return tf.nest.map_structure(
        lambda output: tf.cast(output, tf.float32) if output.dtype in (tf.bfloat16, tf.float16) else output, outputs
    )


def rows_of(batch: Any, rows: slice) -> Any:
    """Some rows of each tensor of a batch."""
    return tf.nest.map_structure(lambda tensor: tensor[rows], batch)


def scaled(features: Any) -> Any:
    """Features as a model gets them: uint8 pixels become float32 in 0..1, and all else stays."""
    return tf.nest.map_structure(_scaled, features)


def _scaled(tensor: tf.Tensor) -> tf.Tensor:
    return tf.cast(tensor, tf.float32) * SCALE if tensor.dtype == tf.uint8 else tensor


def wanted(features: Any, targets: Any) -> Any:
    """What a model should give: the targets; the features themselves if the data set has none (an autoencoder).

    Pixels are scaled as they are for the model, and weights are left out.
    """
    if weights_of(targets) is not None:
        return scaled(targets.targets)
    return scaled(targets if tf.nest.flatten(targets) else features)


def weights_of(targets: Any) -> Any:
    """The weights of the rows, or of their positions, if the targets are an `exp.data.Weighted`; else None."""
    return getattr(targets, "weights", None)


def row_losses(task: Task, targets: Any, outputs: Any, weights: Any = None) -> tf.Tensor:
    """The loss of each row: (rows,) float32.

    If a row has several positions, it is the mean over them, by their weights if they have some. A weight of the row
    itself multiplies its loss.
    """
    losses = task.losses(targets, outputs)
    if weights is not None and weights.shape.rank > 1:
        weights.shape.assert_is_compatible_with(losses.shape)
        others = list(range(1, losses.shape.rank))
        return tf.math.divide_no_nan(tf.reduce_sum(losses * weights, axis=others), tf.reduce_sum(weights, axis=others))
    rows = mean_over_positions(losses)
    return rows if weights is None else rows * weights


def called(model: Any) -> Callable[[Any], Any]:
    """The function from features to what a model gives for them, outside of training."""
    return lambda features: as_float32(model(scaled(features), training=False))


def train_step(
    model: Any,
    *,
    optimizer: Any,
    task: Task,
    features: Any,
    targets: Any,
    global_batch: int,
    recipe: Recipe = PLAIN,
) -> Update:
    """One update of the weights, in one replica.

    Args:
        model: a built Keras model; its trainable variables are updated.
        optimizer: a built Keras optimizer, made in the same strategy's scope; it sums gradients over replicas.
        task: what the model is trained for.
        features: this replica's rows of the batch.
        targets: the same rows.
        global_batch: the number of examples in the batch over all replicas.
        recipe: what is done with the gradients.

    Returns:
        This replica's shares of the batch's mean loss and of its gradients: the sum over replicas is the mean. If the
        recipe shows the gradient's norm, the loss is a vector of both.
    """
    weights = model.trainable_variables
    scale = None if recipe.loss_scale is None else recipe.loss_scale.value

    def part(rows: slice) -> tuple[Any, list[Any]]:
        x, y = (features, targets) if recipe.accumulate == 1 else rows_of((features, targets), rows)
        with tf.GradientTape() as tape:
            loss = _mean_loss(model, task=task, features=x, targets=y, global_batch=global_batch)
            scaled_loss = loss if scale is None else loss * scale
        return loss, tape.gradient(scaled_loss, weights)

    loss, gradients = in_parts(recipe, tf.nest.flatten(features)[0].shape[0] or 0, part)
    if recipe.touches_gradients:
        gradients, norm = recipe.prepared(gradients)
        share = 1 / tf.distribute.get_replica_context().num_replicas_in_sync
        loss = tf.stack([loss, norm * share]) if recipe.shows_norm or scale is not None else loss
    optimizer.apply_gradients(zip(gradients, weights, strict=True))
    return Update(loss, gradients)


def _mean_loss(model: Any, *, task: Task, features: Any, targets: Any, global_batch: int) -> tf.Tensor:
    """The share that some rows have in the mean loss of a batch."""
    outputs = as_float32(model(scaled(features), training=True))
    losses = row_losses(task, wanted(features, targets), outputs, weights_of(targets))
    loss = tf.reduce_sum(losses) / global_batch
    if model.losses:
        share = tf.cast(tf.shape(losses)[0], loss.dtype) / global_batch
        loss += tf.add_n([tf.cast(penalty, loss.dtype) for penalty in model.losses]) * share
    return loss


def eval_step(
    model: Any,
    *,
    task: Task,
    features: Any,
    targets: Any,
    counts: Any,
    measure: Callable[..., Any] | None = None,
) -> Sums:
    """The sums of one replica's rows of a batch.

    Args:
        model: a built Keras model.
        task: what it is evaluated for.
        features: this replica's rows of the batch.
        targets: the same rows.
        counts: (rows,) bool: False for a row that only fills up a batch.
        measure: a function (model, features, targets) that takes the place of calling the model.
    """
    outputs = measure(model, features, targets) if measure else called(model)(features)
    weights, targets = weights_of(targets), wanted(features, targets)
    losses = row_losses(task, targets, outputs, weights)
    given = (targets, outputs, counts) if weights is None else (targets, outputs, counts, weights)
    return Sums(
        loss=tf.reduce_sum(tf.where(counts, losses, tf.zeros_like(losses))),
        metrics={name: dict(metric.sums(*given)) for name, metric in task.metrics.items()},
        examples=tf.reduce_sum(tf.cast(counts, tf.int32)),
    )
