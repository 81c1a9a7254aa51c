"""Many steps in one call: loops inside one graph, over what a call takes."""

from typing import Any

import tensorflow as tf

from exp.data.dataset import Spec, Specs
from exp.exec import step
from exp.exec.evaluation import no_sums
from exp.exec.executor import Program
from exp.exec.replicas import eval_batch, train_batch


def step_of(call: Any, number: Any) -> Any:
    """What one step of a call takes: a row of each tensor of its features, targets or counts."""
    return tf.nest.map_structure(lambda tensor: tensor[number], call)


def train_many(program: Program, features: Any, targets: Any, steps: Any, first: Any) -> Any:
    """Many training steps as one graph loop.

    Args:
        program: what is executed.
        features: (steps_per_call, rows, ...), where `rows` are those of the batch that this process is given.
        targets: (steps_per_call, rows, ...).
        steps: how many steps to take, a scalar int32 tensor. The shapes stay the same whatever it is, so that a
            shorter last call neither retraces nor recompiles.
        first: the number of steps done before, a scalar int32 tensor.

    Returns:
        (steps_per_call,) float32: the loss of each step, 0 for the steps not taken; (steps_per_call, losses) if a step
        of one's own gives several.
    """
    shape = (1 + len(program.other_losses),) if program.other_losses else ()
    losses = tf.TensorArray(tf.float32, size=program.steps_per_call, element_shape=shape)

    def body(number: Any, losses: Any) -> tuple[Any, Any]:
        loss = train_batch(program, step_of(features, number), step_of(targets, number), first + number)
        return number + 1, losses.write(number, loss)

    _, losses = tf.while_loop(lambda number, _: number < steps, body, (tf.constant(0), losses))
    return losses.stack()


def eval_many(program: Program, features: Any, targets: Any, counts: Any, call: Any) -> step.Sums:
    """The sums of each of a call's batches: each has a first dimension of `steps_per_call`.

    Args:
        program: what is executed.
        features: (steps_per_call, rows, ...).
        targets: (steps_per_call, rows, ...).
        counts: (steps_per_call, rows) bool.
        call: the number of calls before this one, a scalar int32 tensor.
    """
    size = program.steps_per_call
    zeros = no_sums(program.task)
    arrays = tuple(tf.TensorArray(zero.dtype, size, element_shape=zero.shape) for zero in tf.nest.flatten(zeros))

    def body(number: Any, arrays: Any) -> tuple[Any, Any]:
        x, y, counted = step_of((features, targets, counts), number)
        sums = eval_batch(program, x, y, counted, call * size + number)
        parts = tf.nest.flatten(sums)
        return number + 1, tuple(array.write(number, part) for array, part in zip(arrays, parts, strict=True))

    _, arrays = tf.while_loop(lambda number, _: number < size, body, (tf.constant(0), arrays))
    return step.Sums(*tf.nest.pack_sequence_as(zeros, [array.stack() for array in arrays]))


def element_specs(program: Program) -> tuple[Any, Any]:
    """The shapes and types of the features and targets that a call takes, as `tf.TensorSpec`s."""
    shape = (program.steps_per_call, program.row_count)
    return _tensor_specs(program.features, shape, "features"), _tensor_specs(program.targets, shape, "targets")


def counts_spec(program: Program) -> Any:
    """The shape and type of the mask that a call of an evaluation takes besides."""
    return tf.TensorSpec((program.steps_per_call, program.row_count), tf.bool, name="counts")


def _tensor_specs(specs: Specs, shape: tuple[int, ...], name: str) -> Any:
    leaves = tf.nest.flatten(specs)
    names = [name] if isinstance(specs, Spec) else [f"{name}_{number}" for number in range(len(leaves))]
    made = [
        tf.TensorSpec((*shape, *spec.shape), tf.as_dtype(spec.dtype), name=own)
        for spec, own in zip(leaves, names, strict=True)
    ]
    return tf.nest.pack_sequence_as(specs, made)
