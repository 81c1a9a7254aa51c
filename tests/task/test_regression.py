"""Regression: losses of rows by Keras's arithmetic, and what does not fit is named."""

import numpy as np
import pytest

from exp.errors import UserError
from exp.task import UnfitError
from exp.task.regression import create, metric_names

TARGETS = np.array([1.0, 2.0, 4.0], np.float32)
OUTPUTS = np.array([[1.5], [2.0], [1.0]], np.float32)


def task(tf, loss=None, **metrics):
    import keras

    loss = loss or keras.losses.MeanSquaredError()
    return create(loss=loss, metrics=metrics, targets=tf.TensorSpec((), tf.float32))


def test_a_row_has_its_own_loss(tf):
    """Numbers without a dimension of their own would be averaged over the batch by Keras."""
    losses = task(tf).losses(tf.constant(TARGETS), tf.constant(OUTPUTS))
    np.testing.assert_allclose(losses.numpy(), [0.25, 0, 9])
    flat = task(tf).losses(tf.constant(TARGETS), tf.constant(OUTPUTS[:, 0]))
    np.testing.assert_allclose(flat.numpy(), [0.25, 0, 9])


def test_a_loss_may_be_a_function_of_ones_own(tf):
    made = task(tf, loss=lambda targets, outputs: tf.abs(targets - outputs))
    np.testing.assert_allclose(made.losses(tf.constant(TARGETS), tf.constant(OUTPUTS)).numpy(), [[0.5], [0], [3]])


@pytest.mark.parametrize(
    ("loss", "problem"),
    [
        (lambda tf, error: tf.reduce_mean(error), "task.loss: gives one number for a batch of 12 rows"),
        (lambda tf, error: tf.reduce_mean(error, axis=0), "task.loss: gives an array of shape (1,) for a batch of 12"),
        (lambda tf, error: error / tf.reduce_mean(error), "task.loss: the loss of a row depends on the other rows"),
        (lambda tf, error: 1 / 0, "task.loss: cannot be computed from these targets and outputs: ZeroDivisionError"),
        (lambda tf, error: error, None),
    ],
)
def test_a_loss_must_be_that_of_each_row_by_itself(tf, loss, problem):
    from exp.task.regression import aligned

    made = task(tf, loss=lambda targets, outputs: loss(tf, tf.square(targets - outputs)))
    random = np.random.default_rng(0)
    targets, outputs = tf.constant(random.random(12), tf.float32), tf.constant(random.random((12, 1)), tf.float32)
    found = made.row_losses.problem(aligned, targets, outputs)
    assert (found or "").startswith(problem or "")
    assert (found is None) == (problem is None)


def test_what_is_no_loss_of_rows_is_refused(tf):
    import keras

    with pytest.raises(UserError, match=r"gives a MeanAbsoluteError, not a keras\.losses\.Loss or a function"):
        task(tf, loss=keras.metrics.MeanAbsoluteError())
    with pytest.raises(UserError, match=r"^task\.loss\.reduction=sum: is not what a run does"):
        task(tf, loss=keras.losses.MeanSquaredError(reduction="sum"))


def test_whole_numbers_are_numbers_too(tf):
    losses = task(tf).losses(tf.constant([1, 2, 4], tf.int32), tf.constant(OUTPUTS))
    np.testing.assert_allclose(losses.numpy(), [0.25, 0, 9])


@pytest.mark.parametrize(
    ("shape", "problem"),
    [
        ((None, 1), None),
        ((None,), None),
        ((None, 2), "gives (None, 2), and the targets of data=d have (None,)"),
    ],
)
def test_outputs_have_the_shape_of_targets(tf, shape, problem):
    import keras

    assert task(tf).output_problem(keras.KerasTensor(shape), data="d") == problem


def test_several_targets_do_not_fit(tf):
    import keras

    specs = {"a": tf.TensorSpec((), tf.float32), "b": tf.TensorSpec((), tf.float32)}
    with pytest.raises(UnfitError, match="regression learns one array of numbers, and there are several"):
        create(loss=keras.losses.MeanSquaredError(), metrics={}, targets=specs)


def test_names_are_known_without_tensorflow():
    assert metric_names(loss={"_target_": "x"}, metrics={"mae": {}, "r2": {}}) == ["mae", "r2"]


def test_a_number_that_is_only_filled_up_counts_as_if_it_were_not_there(tf):
    """A mask of positions: loss and metrics against NumPy, for two batches as for one."""
    import keras

    from exp.data import Weighted
    from exp.exec.evaluation import total
    from exp.exec.step import eval_step

    random = np.random.default_rng(0)
    targets, outputs = random.random((9, 4)).astype(np.float32), random.random((9, 4)).astype(np.float32)
    mask = (np.arange(4) < random.integers(1, 5, (9, 1))).astype(np.float32)
    made = create(
        loss=keras.losses.MeanSquaredError(),
        metrics={"mae": keras.metrics.MeanAbsoluteError()},
        targets=tf.TensorSpec((4,), tf.float32),
        weighted="positions",
    )
    assert made.metrics["mae"].problem(*(tf.constant(np.resize(x, (12, 4))) for x in (targets, outputs, mask))) is None

    def sums(rows):
        given = Weighted(tf.constant(targets[rows]), tf.constant(mask[rows]))
        counts = tf.ones(len(targets[rows]), tf.bool)
        return eval_step(lambda x, training: x, task=made, features=outputs[rows], targets=given, counts=counts)

    for parts in ((slice(None),), (slice(0, 2), slice(2, None))):
        found = total(made, [tf.nest.map_structure(np.asarray, sums(rows)) for rows in parts])
        errors = (targets - outputs).astype(np.float64)
        assert found.loss == pytest.approx(((errors**2 * mask).sum(axis=1) / mask.sum(axis=1)).mean(), rel=1e-6)
        assert found.metrics["mae"] == pytest.approx((np.abs(errors) * mask).sum() / mask.sum(), rel=1e-6)


def test_a_metric_that_knows_no_weights_of_positions_is_named(tf):
    import keras

    random = np.random.default_rng(0)
    given = [tf.constant(random.random((12, 4)), tf.float32) for _ in range(3)]
    shape = tf.TensorSpec((4,), tf.float32)
    metrics = {"r2": keras.metrics.R2Score()}
    made = create(loss=keras.losses.MeanSquaredError(), metrics=metrics, targets=shape, weighted="positions")
    problem = made.metrics["r2"].problem(*given)
    assert problem is not None
    assert problem.startswith("task.metrics.r2: cannot be computed from these targets and outputs: R2Score expects 2D")
