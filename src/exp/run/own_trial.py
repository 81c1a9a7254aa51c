"""Tries the user's own functions out, before training: what would depend on batches or replicas is refused.

Imports TensorFlow.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from exp.data import Dataset
from exp.data.split import read_cyclic
from exp.errors import UserError
from exp.exec import Executor, Program
from exp.exec.own_measure import OwnMeasure
from exp.exec.own_step import OwnStep
from exp.exec.replicas import replica_rows
from exp.run.instantiate import fault
from exp.run.limits import normalized_by_replica

ROWS = 12
"""The number of examples with which a measure is tried."""
CLOSE = 1e-3
"""Largest relative difference that counts as rounding."""
REPEATED = 4
"""How often rows are repeated: the gradients of a sum become as many times as large, those of a mean stay."""
LEAST, MOST = 0.6, 3.0
"""Bounds of the gradients' size before repeating by that after it, if they are random; a sum's have a quarter."""


def check_own(program: Program, dataset: Dataset, executor: Executor) -> tuple[str, ...]:
    """Try the functions out, on the first examples; the variables are afterwards as they were.

    Returns:
        A sentence for each thing that the person should know.

    Raises:
        UserError: a figure of a row depends on other rows; or, on several replicas, a step gives gradients or losses
            that are not means over the rows of a batch, so that replicas would train otherwise than one does.
    """
    if program.measure is not None:
        _check_measure(program, program.measure, dataset, executor)
    if program.own_step is not None and program.strategy.num_replicas_in_sync > 1:
        with _kept(_variables(program, executor), executor):
            return _check_step(_Trial(program, program.own_step, dataset, executor))
    return ()


def _check_measure(program: Program, measure: OwnMeasure, dataset: Dataset, executor: Executor) -> None:
    """Measure rows together and in two parts."""

    def figures(features: Any, targets: Any, first: Any) -> Any:
        return measure(program.model, features, targets, first=first[0])

    # Evaluated as it will be: what only a graph refuses is refused now.
    compute = executor.computing(tf.function(figures, autograph=False) if executor.makes_graph else figures)
    examples = read_cyclic(dataset.train, range(ROWS))

    def measured(start: int, stop: int) -> dict[str, Any]:
        part = tf.nest.map_structure(lambda array: tf.constant(array[start:stop]), examples)
        found: dict[str, Any] = compute(*part, tf.constant([start]))
        for name, figure in found.items():
            if figure.shape != (stop - start,):
                given = f"{figure.size} numbers as {name} for {stop - start} rows"
                raise UserError(f"task.measure: gives {given}; must be one for each")
        return found

    with _kept(_variables(program, executor), executor), _named("task.measure"):
        whole, first, rest = measured(0, ROWS), measured(0, ROWS // 3), measured(ROWS // 3, ROWS)
    for name, figure in whole.items():
        if not np.allclose(np.concatenate([first[name], rest[name]]), figure, rtol=CLOSE, atol=1e-5, equal_nan=True):
            raise UserError(
                f"task.measure: {name} of a row depends on the other rows of its batch, or is drawn otherwise each "
                "time, so that it would depend on the batch size; draw by `random`, and call models with training=False"
            )


class _Trial:
    """A step that can be asked for its gradients and losses, and changes nothing but random seeds."""

    def __init__(self, program: Program, step: OwnStep, dataset: Dataset, executor: Executor) -> None:
        self.program, self.step = program, step
        self._split, self._executor = dataset.train, executor
        # Seeds go on, so that a second call with the same rows shows whether a layer draws.
        self._variables = _variables(program, executor, seeds=False)
        self._compute = executor.computing(self._everywhere)

    def of(self, rows: Sequence[int]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """The gradients of some rows, as one vector, and the losses."""
        features, targets = tf.nest.map_structure(tf.constant, read_cyclic(self._split, rows))
        with _kept(self._variables, self._executor), _named(self.step.key):
            gradients, losses = self._compute(features, targets, tf.constant(list(rows)))
        return gradients.astype(np.float64), np.atleast_1d(losses).astype(np.float64)

    def _everywhere(self, features: Any, targets: Any, rows: Any) -> Any:
        """On every replica the same, because parts of a model may wait for all of them."""
        strategy = self.program.strategy
        results = strategy.run(self._on_replica, args=(features, targets, rows))
        return tf.nest.map_structure(lambda result: strategy.experimental_local_results(result)[0], results)

    def _on_replica(self, features: Any, targets: Any, rows: Any) -> Any:
        given = {"optimizer": self.program.optimizer, "features": features, "targets": targets, "rows": rows}
        done = self.step(self.program.model, **given, number=tf.constant(0), share=1.0, apply=False)
        flat = [tf.reshape(tf.convert_to_tensor(one), [-1]) for one in done.gradients if one is not None]
        return tf.concat(flat, axis=0), done.loss


def _check_step(trial: _Trial) -> tuple[str, ...]:
    """Compare a batch with the parts of it that replicas have: the mean of these has to be that of the batch.

    Batch normalization by replica makes parts differ, which is told elsewhere; then rows are compared with the same
    rows taken several times. If each call gives something else, as dropout does, only the size can be compared.
    """
    batch, replicas = trial.program.batch_size, trial.program.strategy.num_replicas_in_sync
    parts = [range(batch)[replica_rows(batch, replicas, replica)] for replica in range(replicas)]
    whole, again = trial.of(range(batch)), trial.of(range(batch))
    if not _same(whole[0], again[0]):
        once, repeated = trial.of(parts[0])[0], trial.of(list(parts[0]) * REPEATED)[0]
        if not LEAST < np.linalg.norm(once) / (np.linalg.norm(repeated) or 1.0) < MOST:
            raise UserError(_refusal(trial, "its gradients are larger for more rows"))
        return (
            f"{trial.step.key}: gives other gradients each time for the same batch (random numbers, or a state of its "
            f"own), so that it is not known whether {replicas} replicas train as one does; `random` draws the same",
        )
    if normalized_by_replica(trial.program.model):
        whole, added = trial.of(list(parts[0]) * REPEATED), trial.of(parts[0])
        how = "change if each row is taken several times"
    else:
        weighted = [(len(part) / batch, trial.of(part)) for part in parts]
        added = tuple(sum(share * found[kind] for share, found in weighted) for kind in (0, 1))  # type: ignore[assignment]
        how = "of the whole batch are not the mean of those of its parts"
    if not _same(whole[0], added[0]):
        raise UserError(_refusal(trial, f"its gradients {how}"))
    names = ("its loss", *(f"its loss {name}" for name in trial.step.names))
    for name, here, there in zip(names, whole[1], added[1], strict=True):
        if not np.isclose(here, there, rtol=CLOSE, atol=1e-6, equal_nan=True):
            raise UserError(_refusal(trial, f"{name} ({here:.6g}, and {there:.6g} from parts) is no mean"))
    return ()


def _refusal(trial: _Trial, what: str) -> str:
    return (
        f"{trial.step.key}: {what}, so that {trial.program.strategy.num_replicas_in_sync} replicas would give other "
        "numbers than one; a step takes means over its rows (tf.reduce_mean), and what compares or adds up the rows of "
        "a batch trains on one device only"
    )


def _same(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> bool:
    return bool(np.linalg.norm(one - other) <= CLOSE * np.linalg.norm(one) + 1e-12)


def _variables(program: Program, executor: Executor, *, seeds: bool = True) -> list[Any]:
    """The variables of models and optimizers; perhaps without the states of random seeds."""
    import keras

    from exp.checkpoint.variables import named_variables, walk

    owners = (owner for _, owner in walk("model", program.model, set()))
    states = {id(owner.state) for owner in owners if isinstance(owner, keras.random.SeedGenerator)}
    with executor.scope():
        variables = [named.variable for named in named_variables(program.roots).values()]
    return [variable for variable in variables if seeds or id(variable) not in states]


@contextmanager
def _kept(variables: Sequence[Any], executor: Executor) -> Iterator[None]:
    """Give variables the values back that they have now."""
    with executor.scope():
        before = [np.array(value) for value in executor.read(variables)]
    yield
    with executor.scope():
        executor.write(variables, before)


@contextmanager
def _named(key: str) -> Iterator[None]:
    """Turn an error in the user's function into a sentence."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise fault(key, error) from error
