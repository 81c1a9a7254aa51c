"""The user's own functions in a step, `task.step` and `task.measure`: made from the configuration, and tried out.

Imports TensorFlow.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from exp.config import Config
from exp.config.targets import locate
from exp.data import Dataset
from exp.data.dataset import Weighted, read_examples
from exp.errors import UserError
from exp.exec import Executor, Program
from exp.exec.own_function import MEASURE_GIVEN, STEP_GIVEN, OwnFunction
from exp.exec.own_measure import OwnMeasure
from exp.exec.own_step import OwnStep
from exp.system.own_code import told
from exp.task import Task

ROWS = 12
"""The number of examples with which functions are tried."""
CLOSE = 1e-3
"""Largest relative difference of gradients that counts as rounding."""


class OwnFunctions(NamedTuple):
    """The user's own functions; each may be missing."""

    step: OwnStep | None
    measure: OwnMeasure | None


def own_functions(config: Config, task: Task, dataset: Dataset) -> OwnFunctions:
    """Find the functions that a configuration names.

    Raises:
        UserError: one of them is not trusted, is not there, or takes what nothing gives.
    """
    weighted = isinstance(dataset.targets, Weighted)
    asked, step, measure = config.task.step, None, None
    if asked is not None and config.mode == "train":
        function = partial(locate("task.step", asked.name, trusted=config.trusted_targets), **asked.arguments)
        step = OwnStep(
            OwnFunction(f"task.step._target_={asked.name}", function, given=STEP_GIVEN, weighted=weighted),
            seed=config.seed,
        )
    measured = getattr(task, "measure", None)
    if measured is not None:
        own = OwnFunction("task.measure", measured, given=MEASURE_GIVEN, weighted=weighted)
        measure = OwnMeasure(own, names=list(task.metrics), seed=config.seed)
        if config.mode == "train" and step is None:
            raise UserError(
                "task.step=null: what task.measure measures is trained by a step of your own; give "
                "task.step={_target_: ...}"
            )
    return OwnFunctions(step, measure)


def check_own(program: Program, dataset: Dataset, executor: Executor) -> None:
    """Try the functions out, on the first examples; the variables are afterwards as they were.

    Raises:
        UserError: a figure of a row depends on other rows; or, on several replicas, the gradients of a step are not
            means over the rows of a batch, so that replicas would train otherwise than one does.
    """
    replicated = program.own_step is not None and program.strategy.num_replicas_in_sync > 1
    if program.measure is None and not replicated:
        return
    from exp.checkpoint.variables import named_variables

    with executor.scope():
        variables = [named.variable for named in named_variables(program.roots).values()]
        before = [np.array(value) for value in executor.read(variables)]
    if program.measure is not None:
        _check_measure(program, program.measure, dataset, executor)
    if program.own_step is not None and replicated:
        _check_step(program, program.own_step, dataset, executor)
    with executor.scope():
        executor.write(variables, before)


def _check_measure(program: Program, measure: OwnMeasure, dataset: Dataset, executor: Executor) -> None:
    """Measure rows together and in two parts."""
    compute = executor.computing(lambda x, y, first: measure(program.model, x, y, first=first[0]))

    def measured(rows: slice) -> dict[str, Any]:
        part = tf.nest.map_structure(lambda tensor: tensor[rows], examples)
        found: dict[str, Any] = compute(*part, tf.constant([rows.start]))
        return found

    examples = _examples(dataset, ROWS)
    with _named("task.measure"):
        whole, first, rest = (measured(slice(*ends)) for ends in ((0, ROWS), (0, ROWS // 3), (ROWS // 3, ROWS)))
    for name, figures in whole.items():
        if figures.shape != (ROWS,):
            given = f"{figures.size} numbers as {name} for {ROWS} rows"
            raise UserError(f"task.measure: gives {given}; must be one for each")
        if not np.allclose(np.concatenate([first[name], rest[name]]), figures, rtol=CLOSE, atol=1e-5, equal_nan=True):
            raise UserError(
                f"task.measure: {name} of a row depends on the other rows of its batch, or is drawn otherwise each "
                "time, so that it would depend on the batch size; draw by `random`, and call models with training=False"
            )


def _check_step(program: Program, step: OwnStep, dataset: Dataset, executor: Executor) -> None:
    """Compare the gradients of a few rows with those of the same rows, each taken twice: means stay as they are.

    Batch normalization stays as it is, too. If a step draws random numbers of its own, as dropout does, only its scale
    can be compared.
    """

    def gradients(features: Any, targets: Any, numbers: Any) -> Any:
        def of_replica(x: Any, y: Any, rows: Any) -> Any:
            named = {"optimizer": program.optimizer, "features": x, "targets": y, "number": 0, "rows": rows}
            done = step(program.model, **named, share=1.0, apply=False)
            flat = [tf.reshape(tf.convert_to_tensor(one), [-1]) for one in done.gradients if one is not None]
            return tf.concat(flat, axis=0)

        everywhere = program.strategy.run(of_replica, args=(features, targets, numbers))
        return program.strategy.experimental_local_results(everywhere)[0]

    compute = executor.computing(gradients)
    few = _examples(dataset, ROWS // 2)
    numbers = tf.range(ROWS // 2)
    twice = tf.nest.map_structure(lambda tensor: tf.concat([tensor, tensor], axis=0), (*few, numbers))
    with _named(step.key):
        once, whole, again = compute(*few, numbers), compute(*twice), compute(*twice)
    size = np.linalg.norm(whole) or 1.0
    if np.linalg.norm(again - whole) > CLOSE * size:
        scale = float(np.dot(once, whole)) / float(np.dot(whole, whole) or 1.0)
        right = 2 / 3 < scale < 3 / 2
    else:
        right = bool(np.linalg.norm(once - whole) <= CLOSE * size)
    if not right:
        raise UserError(
            f"{step.key}: its gradients are not means over the rows of a batch (they change if each row is taken "
            f"twice), so that {program.strategy.num_replicas_in_sync} replicas would train otherwise than one; take "
            "tf.reduce_mean of the losses of the rows, or train on one device"
        )


def _examples(dataset: Dataset, count: int) -> Any:
    """The features and targets of the first training examples, as tensors; from the start again if there are fewer."""
    return read_examples(dataset.train, [number % dataset.train.size for number in range(count)])


@contextmanager
def _named(key: str) -> Iterator[None]:
    """Turn an error in the user's function into a sentence."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{key}: {told(error)}") from error
