"""A metric of Keras's gives the numbers that NumPy gives, however examples are divided; or it is refused by name."""

import numpy as np
import pytest

from exp.errors import UserError
from exp.task import KerasMetric

ROWS = 12


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def ready(tf, metric, targets, outputs):
    """A metric that was tried with some rows."""
    made = KerasMetric("mine", metric)
    problem = made.problem(tf.constant(targets[:ROWS]), tf.constant(outputs[:ROWS]))
    assert problem is None
    return made


def value(tf, metric, targets, outputs, *, batch: int) -> float:
    """Batch by batch, the last one filled up with rows that do not count."""
    totals: dict[str, np.ndarray] = {}
    for first in range(0, len(targets), batch):
        rows = np.arange(first, first + batch)
        counts = rows < len(targets)
        rows = np.where(counts, rows, 0)
        sums = metric.sums(tf.constant(targets[rows]), tf.constant(outputs[rows]), tf.constant(counts))
        for name, part in sums.items():
            totals[name] = totals.get(name, 0) + np.asarray(part, np.float64)
    return metric.value(totals, len(targets))


@pytest.mark.parametrize("batch", [7, 50, 1000])
def test_r2_is_numpys_even_far_from_zero(tf, batch):
    """Sums of squares in float32 would lose the fourth digit here."""
    import keras

    targets = 1000 + 3 * random(203, 1)
    outputs = targets + random(203, 1)[::-1]
    metric = ready(tf, keras.metrics.R2Score(), targets, outputs)
    wide, guessed = targets.astype(np.float64), outputs.astype(np.float64)
    expected = 1 - ((wide - guessed) ** 2).sum() / ((wide - wide.mean()) ** 2).sum()
    assert value(tf, metric, targets, outputs, batch=batch) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("batch", [7, 1000])
def test_counts_of_a_confusion_matrix_add_up(tf, batch):
    import keras

    targets = (random(203) > 0).astype(np.float32)
    outputs = 1 / (1 + np.exp(-random(203) - targets)).astype(np.float32)
    metric = ready(tf, keras.metrics.F1Score(average="micro", threshold=0.5), targets[:, None], outputs[:, None])
    taken = outputs > 0.5
    expected = 2 * (taken * targets).sum() / (taken.sum() + targets.sum())
    assert value(tf, metric, targets[:, None], outputs[:, None], batch=batch) == pytest.approx(expected, rel=1e-6)


def test_the_direction_is_keras_own(tf):
    import keras

    assert KerasMetric("mae", keras.metrics.MeanAbsoluteError()).direction == "min"
    assert KerasMetric("r2", keras.metrics.R2Score()).direction == "max"
    assert KerasMetric("sum", keras.metrics.Sum()).direction is None


def test_a_metric_whose_state_does_not_add_up_is_refused(tf):
    import keras

    class Largest(keras.metrics.Metric):
        def __init__(self, **others):
            super().__init__(**others)
            self.largest = self.add_variable((), "zeros", name="largest")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.largest.assign(tf.maximum(self.largest, tf.reduce_max(tf.abs(y_true - y_pred))))

        def result(self):
            return self.largest  # the variable itself

    targets, outputs = tf.constant(random(ROWS, 1)), tf.constant(random(2 * ROWS, 1)[ROWS:])
    problem = KerasMetric("largest", Largest()).problem(targets, outputs)
    assert problem is not None
    assert problem.startswith("task.metrics.largest: its state does not add up over batches (")
    assert problem.endswith("so that it would depend on the batch size and on replicas")


def test_a_metric_that_counts_filled_up_rows_is_refused(tf):
    import keras

    class Careless(keras.metrics.Mean):
        def update_state(self, y_true, y_pred, sample_weight=None):
            return super().update_state(tf.abs(y_true - y_pred))

    targets, outputs = tf.constant(random(ROWS, 1)), tf.constant(random(2 * ROWS, 1)[ROWS:])
    problem = KerasMetric("careless", Careless()).problem(targets, outputs)
    assert problem is not None
    assert problem.startswith("task.metrics.careless: does not leave out rows with sample_weight 0 (")


def test_adjusted_r2_counts_filled_up_rows_and_is_refused(tf):
    import keras

    targets, outputs = tf.constant(random(ROWS, 1)), tf.constant(random(2 * ROWS, 1)[ROWS:])
    problem = KerasMetric("r2", keras.metrics.R2Score(num_regressors=2)).problem(targets, outputs)
    assert problem is not None
    assert "sample_weight 0" in problem


def test_what_is_no_metric_is_refused(tf):
    with pytest.raises(
        UserError, match=r"^task\.metrics\.mae: gives mean_absolute_error, not a keras\.metrics\.Metric; it "
    ):
        KerasMetric("mae", "mean_absolute_error")


def test_targets_that_a_metric_cannot_take_are_named(tf):
    import keras

    targets = tf.constant(random(ROWS, 2, 2))
    problem = KerasMetric("r2", keras.metrics.R2Score()).problem(targets, targets)
    assert problem is not None
    assert problem.startswith("task.metrics.r2: cannot be computed from these targets and outputs: R2Score expects 2D")


def test_fit_is_given_the_same_shapes(tf):
    """Numbers against a column would be compared each with each."""
    import keras

    from exp.task.regression import aligned

    class Plain(keras.metrics.Mean):
        def update_state(self, y_true, y_pred, sample_weight=None):
            return super().update_state(tf.square(y_true - y_pred), sample_weight)

    targets, outputs = tf.constant(random(ROWS)), tf.constant(random(2 * ROWS, 1)[ROWS:])
    made = KerasMetric("mine", Plain(), prepare=aligned)
    assert made.problem(targets, outputs) is None
    there = made.of_keras()
    there.update_state(targets, outputs)
    expected = np.square(targets.numpy()[:, None] - outputs.numpy()).mean()
    assert float(there.result()) == pytest.approx(expected, rel=1e-6)


def test_several_numbers_are_no_metric(tf):
    import keras

    targets, outputs = tf.constant(np.abs(random(ROWS, 3)) > 0.5), tf.constant(np.abs(random(ROWS, 3)))
    problem = KerasMetric("f1", keras.metrics.F1Score(threshold=0.5)).problem(targets, outputs)
    assert problem is not None
    assert "it gives 3 numbers, and must give one (perhaps by its argument `average`)" in problem
