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
