"""What a training step does besides computing gradients and handing them on: `train.clip_norm` and others."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from exp.exec.averages import Averages
from exp.exec.loss_scale import LossScale

GRADIENT_NORM, LOSS_SCALE = "gradient_norm", "loss_scale"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The parts of a training step that can be asked for; without any it is the plain step."""

    accumulate: int = 1
    """The number of parts in which each replica works off its rows of a batch."""
    clip_norm: float | None = None
    """The global norm to which the gradient of the whole batch is clipped."""
    shows_norm: bool = False
    """Whether the norm of that gradient is given beside the loss, as it is before it is clipped."""
    quiet: Callable[[], AbstractContextManager[Any]] = nullcontext
    """The context of all parts but the first, in which what the model logs itself is not taken."""
    averages: Averages | None = None
    """Averages of the trained weights, which follow each update."""
    loss_scale: LossScale | None = None
    """By what the loss is multiplied, so that float16 can hold its gradients."""

    @property
    def touches_gradients(self) -> bool:
        """Whether gradients are summed over replicas here, before an optimizer gets them."""
        return self.clip_norm is not None or self.shows_norm or self.loss_scale is not None

    @property
    def names(self) -> tuple[str, ...]:
        """What a step gives besides its loss."""
        return (*((GRADIENT_NORM,) if self.shows_norm else ()), *((LOSS_SCALE,) if self.loss_scale else ()))

    def prepared(self, gradients: Sequence[Any]) -> tuple[list[Any], Any]:
        """What an optimizer is given, which sums it over the replicas, and the norm of that sum.

        Keras's optimizers would clip each replica's share (Keras 3.15): here the sum is clipped, whose share is then
        the same on each replica. An `IndexedSlices` becomes dense, because rows that it names twice count together.

        Args:
            gradients: this replica's shares, multiplied by the loss scale if there is one; None where there is none.
        """
        context = tf.distribute.get_replica_context()
        replicas = context.num_replicas_in_sync
        there = [number for number, gradient in enumerate(gradients) if gradient is not None]
        dense = [tf.convert_to_tensor(gradients[number]) for number in there]
        if replicas > 1:
            dense = list(context.all_reduce(tf.distribute.ReduceOp.SUM, dense))
        if self.loss_scale is not None:
            dense = [gradient / tf.cast(self.loss_scale.value, gradient.dtype) for gradient in dense]
        norm = tf.linalg.global_norm([tf.cast(gradient, tf.float32) for gradient in dense])
        factor = tf.constant(1.0)
        if self.clip_norm is not None:
            factor = tf.minimum(tf.math.divide_no_nan(self.clip_norm, norm), 1.0)
            factor = tf.where(norm > 0, factor, 1.0)
        if self.clip_norm is not None or replicas > 1:
            dense = [gradient * tf.cast(factor / replicas, gradient.dtype) for gradient in dense]
        given = dict(zip(there, dense, strict=True))
        return [given.get(number) for number in range(len(gradients))], norm


def in_parts(recipe: Recipe, rows: int, part: Callable[[slice], tuple[Any, list[Any]]]) -> tuple[Any, list[Any]]:
    """The sums of what the parts of a batch give, which are worked off one after the other.

    They are written out in the graph, and not looped over: on several replicas Keras's layers update their state by a
    call that a loop of the graph cannot hold (TensorFlow 2.21). Each part waits for the one before it, so that the
    memory of its activations is free by then.

    Args:
        recipe: says how many parts there are.
        rows: of the batch.
        part: from rows to a loss and the gradients; None where there is none.
    """
    parts = recipe.accumulate
    loss, gradients = part(slice(0, rows // parts))
    for number in range(1, parts):
        waits = [one for one in (loss, *gradients) if one is not None]
        before = [] if tf.executing_eagerly() else [tf.convert_to_tensor(one) for one in waits]
        with tf.control_dependencies(before), recipe.quiet():
            more, others = part(slice(number * rows // parts, (number + 1) * rows // parts))
        loss += more
        gradients = [_sum(one, other) for one, other in zip(gradients, others, strict=True)]
    return loss, gradients


def _sum(one: Any, other: Any) -> Any:
    if one is None or other is None:
        return other if one is None else one
    return tf.convert_to_tensor(one) + tf.convert_to_tensor(other)
