"""The training step and the evaluation step, written once; every execution mode runs these.

Pictures come as uint8 pixels, or as float32 that is used as it is. Labels are int32 classes; in evaluation a label of
-1 marks a row that only fills up a batch and counts for nothing.
"""

from typing import Any, NamedTuple

import tensorflow as tf

SCALE = 1 / 255
"""From uint8 pixels to 0..1."""


class Sums(NamedTuple):
    """What a batch adds to the test's figures: sums, so that no average of averages is ever taken."""

    loss: tf.Tensor
    """float32: the summed cross-entropy."""
    correct: tf.Tensor
    """int32: how many predictions were right."""
    examples: tf.Tensor
    """int32: how many examples there were."""


class Update(NamedTuple):
    """What a training step did."""

    loss: tf.Tensor
    """float32 scalar: the mean loss of the batch, before the update."""
    gradients: list[Any]
    """For each trainable variable, in order; None where the loss does not depend on it."""


def scaled(pictures: tf.Tensor) -> tf.Tensor:
    """Pictures as float32: uint8 pixels become 0..1, inside the graph; anything else stays."""
    if pictures.dtype == tf.uint8:
        return tf.cast(pictures, tf.float32) * SCALE
    return tf.cast(pictures, tf.float32)


def cross_entropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """The softmax cross-entropy of each example, in nats: (batch,) float32."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)


def train_step(model: Any, optimizer: Any, pictures: tf.Tensor, labels: tf.Tensor, global_batch: int) -> Update:
    """One update of the weights, in one replica.

    Args:
        model: a built Keras model; its trainable variables are updated.
        optimizer: a built Keras optimizer, made in the same strategy's scope; it sums gradients over replicas.
        pictures: this replica's part of the batch.
        labels: (part,) int32.
        global_batch: the number of examples in the batch over all replicas.

    Returns:
        This replica's shares of the batch's mean loss and of its gradients: the sum over replicas is the mean.
    """
    with tf.GradientTape() as tape:
        logits = model(scaled(pictures), training=True)
        loss = tf.reduce_sum(cross_entropy(labels, logits)) / global_batch
        if model.losses:
            share = tf.cast(tf.shape(labels)[0], loss.dtype) / global_batch
            loss += tf.add_n(model.losses) * share
    weights = model.trainable_variables
    gradients = tape.gradient(loss, weights)
    optimizer.apply_gradients(zip(gradients, weights, strict=True))
    return Update(loss, gradients)


def eval_step(model: Any, pictures: tf.Tensor, labels: tf.Tensor) -> Sums:
    """The sums of one replica's part of a batch; rows with label -1 count for nothing."""
    logits = model(scaled(pictures), training=False)
    counts = labels >= 0
    losses = cross_entropy(tf.maximum(labels, 0), logits)
    right = tf.equal(tf.argmax(logits, axis=-1, output_type=tf.int32), labels)
    return Sums(
        loss=tf.reduce_sum(tf.where(counts, losses, tf.zeros_like(losses))),
        correct=tf.reduce_sum(tf.cast(right, tf.int32)),
        examples=tf.reduce_sum(tf.cast(counts, tf.int32)),
    )
