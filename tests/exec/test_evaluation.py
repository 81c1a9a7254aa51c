"""From the sums of batches to the figures of an evaluation, for any task."""

import numpy as np
import pytest

from exp.exec.evaluation import Evaluation, no_sums, total
from exp.exec.step import Sums, eval_step, row_losses
from exp.task import Classification
from tests.support.tasks import Regression


def test_figures_have_the_names_of_records_and_results():
    evaluation = Evaluation(0.5, {"accuracy": 0.75, "top5": 1.0}, 8)
    assert list(evaluation.facts()) == ["loss", "accuracy", "top5", "examples"]
    assert evaluation.tagged("test") == {"test/loss": 0.5, "test/accuracy": 0.75, "test/top5": 1.0}


@pytest.mark.usefixtures("tf")
def test_single_batches_and_whole_calls_add_up():
    task = Classification(classes=3)
    single = [Sums(np.float32(1.5), {"accuracy": {"correct": np.int32(2)}}, np.int32(4)) for _ in range(3)]
    call = Sums(
        np.array([1.5, 1.5, 1.5], np.float32), {"accuracy": {"correct": np.array([2, 2, 2])}}, np.array([4, 4, 4])
    )
    expected = Evaluation(4.5 / 12, {"accuracy": 0.5}, 12)
    assert total(task, single) == total(task, [call]) == expected


@pytest.mark.usefixtures("tf")
def test_sums_are_added_in_double_precision_and_whole_numbers():
    task = Classification(classes=3)
    many = Sums(
        np.full(1000, 16_777_217 / 3, np.float32),
        {"accuracy": {"correct": np.full(1000, 2**31 - 1, np.int32)}},
        np.full(1000, 2**31 - 1, np.int32),
    )
    found = total(task, [many])
    assert found.examples == 1000 * (2**31 - 1)
    assert found.metrics == {"accuracy": 1.0}
    assert found.loss == 1000 * float(np.float32(16_777_217 / 3)) / found.examples


def test_another_task_needs_nothing_else(tf):
    """Sums of any shape, and a loss for each position of a row."""
    task, random = Regression(), np.random.default_rng(0)
    targets, outputs = (random.normal(size=(7, 2)).astype(np.float32) for _ in range(2))
    counts = np.arange(7) < 5
    assert row_losses(task, tf.constant(targets), tf.constant(outputs)).shape == (7,)

    def model(features, training):
        return features

    sums = [
        eval_step(model, task=task, features=tf.constant(x), targets=tf.constant(y), counts=tf.constant(c))
        for x, y, c in ((outputs[:4], targets[:4], counts[:4]), (outputs[4:], targets[4:], counts[4:]))
    ]
    found = total(task, tf.nest.map_structure(lambda part: part.numpy(), sums))
    errors = (outputs - targets)[:5]
    assert found.examples == 5
    assert found.loss == pytest.approx((errors**2).mean(), rel=1e-6)
    assert found.metrics["absolute_error"] == pytest.approx(np.abs(errors).mean(), rel=1e-6)
    assert no_sums(task).metrics["absolute_error"]["errors"].shape == (2,)
