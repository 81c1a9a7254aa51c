"""Both steps over all replicas: each replica takes its rows of a batch, and the results are summed."""

from collections.abc import Callable
from functools import partial
from typing import Any

import tensorflow as tf

from exp.exec import step
from exp.exec.executor import Details, Program
from exp.loggers import collect

NORM = 1
"""The place of the gradient's norm among the figures of a step, beside the loss."""


def replica_rows(batch_size: int, replicas: int, replica: int) -> slice:
    """The rows of a batch that a replica takes: as even as can be, in order, none left out."""
    return slice(replica * batch_size // replicas, (replica + 1) * batch_size // replicas)


def train_batch(program: Program, features: Any, targets: Any, number: Any) -> Any:
    """One training step over all replicas, after `number` others.

    Returns:
        The mean loss of the batch; if there are other figures, a vector of it and of these.
    """

    def update(rows: slice, x: Any, y: Any) -> Any:
        return _train_step(program, x, y, number=number, rows=rows).loss

    settle = _guard(program)
    return settle(_summed(program, _on_replicas(program, update, features, targets)), number)


def detailed_batch(program: Program, features: Any, targets: Any, number: Any) -> tuple[Any, Details]:
    """The same step, and its details."""
    paths = [variable.path for variable in program.model.trainable_variables]

    def update(rows: slice, x: Any, y: Any) -> Any:
        with collect.collected() as found:
            done = _train_step(program, x, y, number=number, rows=rows)
        share = _share(program, rows)
        scalars = {key: value * share for key, value in found.items() if collect.kind_of(key) == "scalar"}
        others = {key: value for key, value in found.items() if key not in scalars}
        wanted = zip(paths, done.gradients, strict=True) if program.gradients else ()
        gradients = {path: tf.convert_to_tensor(gradient) for path, gradient in wanted if gradient is not None}
        return (done.loss, scalars, gradients), others

    settle = _guard(program)
    results, others = _on_replicas(program, update, features, targets)
    loss, scalars, gradients = _summed(program, results)
    first = {key: program.strategy.experimental_local_results(value)[0] for key, value in others.items()}
    return settle(loss, number), Details({**scalars, **first}, gradients)


def eval_batch(program: Program, features: Any, targets: Any, counts: Any, number: Any) -> step.Sums:
    """One evaluation step over all replicas, after `number` others; returns the sums of the batch."""

    def evaluate(rows: slice, x: Any, y: Any, c: Any) -> Any:
        first = tf.cast(number, tf.int64) * program.batch_size + rows.start
        measure = partial(program.measure, first=first) if program.measure else None
        return step.eval_step(program.model, task=program.task, features=x, targets=y, counts=c, measure=measure)

    return step.Sums(*_summed(program, _on_replicas(program, evaluate, features, targets, counts)))


def _train_step(program: Program, features: Any, targets: Any, *, number: Any, rows: slice) -> step.Update:
    if program.own_step:
        return program.own_step(
            program.model,
            optimizer=program.optimizer,
            features=features,
            targets=targets,
            share=_share(program, rows),
            number=number,
            rows=tf.range(rows.start, rows.stop),
            recipe=program.recipe,
        )
    return step.train_step(
        program.model,
        optimizer=program.optimizer,
        task=program.task,
        features=features,
        targets=targets,
        global_batch=program.batch_size,
        recipe=program.recipe,
    )


def _guard(program: Program) -> Callable[[Any, Any], Any]:
    """Begin a step; returns what ends it once all replicas are done, given its figures and the steps before it."""
    recipe = program.recipe
    averages, scale = recipe.averages, recipe.loss_scale
    take_back = scale.guard(_changing(program)) if scale else None

    def settle(figures: Any, number: Any) -> Any:
        is_finite = None
        if scale is not None and take_back is not None:
            is_finite = tf.math.is_finite(figures[NORM])
            take_back(is_finite)
            shown = figures if recipe.shows_norm else figures[:NORM]
            figures = tf.concat([shown, scale.value.read_value()[tf.newaxis]], axis=0)
        if averages is not None:
            averages.follow(number, is_finite)
        return figures

    return settle


def _changing(program: Program) -> list[Any]:
    """What a step changes of model and optimizer, save its count of steps."""
    optimizer = program.optimizer
    return [*program.model.weights, *(one for one in optimizer.variables if one is not optimizer.iterations)]


def _share(program: Program, rows: slice) -> float:
    """The part of the batch that some rows are: weighted by it, the sum over replicas is the mean over the batch."""
    count: int = rows.stop - rows.start
    return count / program.batch_size


def _on_replicas(program: Program, function: Callable[..., Any], *batch: Any) -> Any:
    """Run a function on each replica's rows of a batch, and tell it which they are.

    Returns:
        What it returns, replica by replica.
    """
    replicas = program.strategy.num_replicas_in_sync

    def on_replica(*batch: Any) -> Any:
        rows = slice(0, program.batch_size)
        if replicas > 1:
            replica = tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group)
            rows = replica_rows(program.batch_size, replicas, int(replica))
            here = slice(rows.start - program.first_row, rows.stop - program.first_row)
            batch = tf.nest.map_structure(lambda tensor: tensor[here], batch)
        return function(rows, *batch)

    return program.strategy.run(on_replica, args=batch)


def _summed(program: Program, results: Any) -> Any:
    """The sums over the replicas."""
    return tf.nest.map_structure(lambda part: program.strategy.reduce("SUM", part, axis=None), results)
