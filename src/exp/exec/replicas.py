"""Both steps over all replicas: each replica takes its rows of a batch, and the results are summed."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from exp.exec import step
from exp.exec.executor import Details, Program
from exp.loggers import collect


def replica_rows(batch_size: int, replicas: int, replica: int) -> slice:
    """The rows of a batch that a replica takes: as even as can be, in order, none left out."""
    return slice(replica * batch_size // replicas, (replica + 1) * batch_size // replicas)


def train_batch(program: Program, features: Any, targets: Any) -> Any:
    """One training step over all replicas; returns the mean loss of the batch."""

    def update(x: Any, y: Any) -> Any:
        return _train_step(program, x, y).loss

    return _summed(program, _on_replicas(program, update, features, targets))


def detailed_batch(program: Program, features: Any, targets: Any) -> tuple[Any, Details]:
    """The same step, and its details."""
    paths = [variable.path for variable in program.model.trainable_variables]

    def update(x: Any, y: Any) -> Any:
        with collect.collected() as found:
            done = _train_step(program, x, y)
        rows = tf.nest.flatten(x)[0].shape[0]
        share = rows / program.batch_size  # so that the sum over replicas is the mean over the batch
        scalars = {key: value * share for key, value in found.items() if collect.kind_of(key) == "scalar"}
        others = {key: value for key, value in found.items() if key not in scalars}
        wanted = zip(paths, done.gradients, strict=True) if program.gradients else ()
        gradients = {path: tf.convert_to_tensor(gradient) for path, gradient in wanted if gradient is not None}
        return (done.loss, scalars, gradients), others

    results, others = _on_replicas(program, update, features, targets)
    loss, scalars, gradients = _summed(program, results)
    first = {key: program.strategy.experimental_local_results(value)[0] for key, value in others.items()}
    return loss, Details({**scalars, **first}, gradients)


def eval_batch(program: Program, features: Any, targets: Any, counts: Any) -> step.Sums:
    """One evaluation step over all replicas; returns the sums of the batch."""

    def evaluate(x: Any, y: Any, c: Any) -> Any:
        return step.eval_step(program.model, task=program.task, features=x, targets=y, counts=c)

    return step.Sums(*_summed(program, _on_replicas(program, evaluate, features, targets, counts)))


def _train_step(program: Program, features: Any, targets: Any) -> step.Update:
    return step.train_step(
        program.model,
        optimizer=program.optimizer,
        task=program.task,
        features=features,
        targets=targets,
        global_batch=program.batch_size,
    )


def _on_replicas(program: Program, function: Callable[..., Any], *batch: Any) -> Any:
    """Run a function on each replica's rows of a batch; returns what it returns, replica by replica."""
    replicas = program.strategy.num_replicas_in_sync

    def on_replica(*batch: Any) -> Any:
        if replicas > 1:
            replica = tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group)
            rows = replica_rows(program.batch_size, replicas, int(replica))
            here = slice(rows.start - program.first_row, rows.stop - program.first_row)
            batch = tf.nest.map_structure(lambda tensor: tensor[here], batch)
        return function(*batch)

    return program.strategy.run(on_replica, args=batch)


def _summed(program: Program, results: Any) -> Any:
    """The sums over the replicas."""
    return tf.nest.map_structure(lambda part: program.strategy.reduce("SUM", part, axis=None), results)
