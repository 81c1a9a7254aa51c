"""Tries out, before training, whether the loss and the metrics of a task are exact over batches and replicas."""

from typing import Any

import numpy as np

from exp.data import Dataset
from exp.data.split import read_cyclic
from exp.errors import UserError
from exp.task import KerasMetric, Task
from exp.task.keras_metric import ROWS
from exp.task.regression import Regression


def check_metrics(task: Task, dataset: Dataset, outputs: Any) -> None:
    """Refuse a loss and metrics that would depend on how examples are divided into batches.

    Args:
        task: its loss and its metrics are tried.
        dataset: the targets of its first training examples are taken.
        outputs: the symbolic output of the model for a batch.

    Raises:
        UserError: one of them is not exact, or cannot be computed.
    """
    import tensorflow as tf

    from exp.exec.step import wanted, weights_of

    tried = [metric for metric in task.metrics.values() if isinstance(metric, KerasMetric)]
    if not tried and not isinstance(task, Regression):
        return
    random = np.random.default_rng(0)
    features, targets = read_cyclic(dataset.train, range(ROWS))
    given, weights = wanted(features, targets), weights_of(targets)
    made = tf.nest.map_structure(
        lambda output: tf.constant(random.standard_normal((ROWS, *output.shape[1:])), output.dtype), outputs
    )
    problems = [metric.problem(given, made, weights) for metric in tried]
    if isinstance(task, Regression):
        problems.insert(0, task.row_losses.problem(task.prepare, given, made))
    for problem in filter(None, problems):
        raise UserError(problem)
