"""Classification: its loss and its accuracy against NumPy, and the same from Keras."""

import numpy as np
import pytest

from exp.task import Classification

RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(size=(12, 3)).astype(np.float32)
LABELS = RANDOM.integers(0, 3, 12).astype(np.int32)
COUNTS = np.arange(12) < 9


def cross_entropies() -> np.ndarray:
    """The loss of each row, from the definition, in double precision."""
    logits = LOGITS.astype(np.float64)
    return np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(12), LABELS]


def right() -> int:
    """The number of rows that count and whose class is predicted."""
    return int((LOGITS.argmax(axis=1) == LABELS)[COUNTS].sum())


def test_the_loss_is_the_cross_entropy_of_each_row(tf):
    losses = Classification(classes=3).losses(LABELS, LOGITS)
    assert losses.dtype == tf.float32
    np.testing.assert_allclose(losses, cross_entropies(), rtol=1e-5)


@pytest.mark.usefixtures("tf")
@pytest.mark.parametrize(
    ("shape", "dtype", "problem"),
    [
        ((None, 3), "float32", None),
        ((None, 4), "float32", "gives (None, 4), and data=own has 3 classes"),
        ((None, 7, 3), "float32", "gives (None, 7, 3), and data=own has 3 classes"),
        ((None, 3), "float16", "gives float16; its last layer must have dtype='float32'"),
    ],
)
def test_a_model_that_gives_something_else_is_refused(shape, dtype, problem):
    import keras

    task = Classification(classes=3)
    assert task.output_problem(keras.KerasTensor(shape, dtype=dtype), data="own") == problem
    assert task.output_problem({}, data="own") == "must give one tensor, of shape (batch, classes), and gives a dict"


def test_the_sums_have_the_types_that_are_announced(tf):
    for metric in Classification(classes=3).metrics.values():
        sums = metric.sums(LABELS, tf.constant(LOGITS), tf.constant(COUNTS))
        assert sums.keys() == metric.no_sums.keys()
        for name, zero in metric.no_sums.items():
            assert (sums[name].dtype.as_numpy_dtype, tuple(sums[name].shape)) == (zero.dtype, zero.shape)
            assert not zero.any()


def test_accuracy_counts_the_rows_that_count(tf):
    accuracy = Classification(classes=3).metrics["accuracy"]
    sums = accuracy.sums(LABELS, tf.constant(LOGITS), tf.constant(COUNTS))
    assert accuracy.value({name: part.numpy() for name, part in sums.items()}, 9) == right() / 9
    assert accuracy.direction == "max"


@pytest.mark.parametrize(("whole", "examples"), [(1, 3), (9_999, 10_000), (59_999, 60_000), (0, 7)])
def test_accuracy_undoes_the_rounding_of_keras(whole, examples):
    rounded = float(np.float32(whole) / np.float32(examples))
    assert Classification(classes=3).metrics["accuracy"].value_from_keras(rounded, examples) == whole / examples


def test_keras_computes_the_same(tf):
    task = Classification(classes=3)
    form = task.keras_form()
    weights = COUNTS.astype(np.float32)
    for metric in (form.mean_loss, *form.metrics.values()):
        metric.update_state(LABELS, LOGITS, sample_weight=weights)
    assert form.metrics.keys() == task.metrics.keys()
    assert float(form.mean_loss.count) == 9
    assert float(form.mean_loss.result()) == pytest.approx(cross_entropies()[COUNTS].mean(), rel=1e-5)
    assert task.metrics["accuracy"].value_from_keras(float(form.metrics["accuracy"].result()), 9) == right() / 9
    assert float(form.loss(LABELS, LOGITS)) == pytest.approx(cross_entropies().mean(), rel=1e-5)


def made(tf, *, classes=3, shape=(), **asked):
    from exp.task.classification import create

    options = {"label_smoothing": 0.0, "class_weights": None, "top_k": [], "metrics": {}, **asked}
    return create(**options, classes=classes, targets=tf.TensorSpec(shape, tf.int32))


def test_label_smoothing_is_keras_own(tf):
    import keras

    labels, logits = tf.constant(LABELS), tf.constant(LOGITS)
    expected = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1).call(
        tf.one_hot(labels, 3), logits
    )
    np.testing.assert_allclose(made(tf, label_smoothing=0.1).losses(labels, logits), expected, rtol=1e-6)


def test_class_weights_multiply_the_loss_alone(tf):
    labels, logits = tf.constant(LABELS), tf.constant(LOGITS)
    weights = np.array([1.0, 2.0, 0.5], np.float32)
    expected = made(tf).losses(labels, logits).numpy() * weights[LABELS]
    weighted = made(tf, class_weights=weights.tolist())
    np.testing.assert_allclose(weighted.losses(labels, logits), expected, rtol=1e-6)


def test_each_position_counts(tf):
    task = made(tf, shape=(2,), top_k=[2])
    labels = tf.constant([[0, 1], [2, 2]], tf.int32)
    logits = tf.constant([[[3.0, 1, 2], [3, 1, 2]], [[3, 1, 2], [9, 9, 9]]], tf.float32)
    assert task.losses(labels, logits).shape == (2, 2)
    counts = tf.constant([True, False])
    found = {name: metric.sums(labels, logits, counts) for name, metric in task.metrics.items()}
    values = {
        name: metric.value({k: v.numpy() for k, v in found[name].items()}, 1) for name, metric in task.metrics.items()
    }
    assert values == {"accuracy": 0.5, "top_2_accuracy": 0.5}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"label_smoothing": 1.0}, "task.label_smoothing=1.0: must be at least 0 and below 1"),
        ({"class_weights": [1.0]}, "task.class_weights: must have a number of at least 0 for each of the 3 classes"),
        ({"top_k": [4]}, "task.top_k=4: must be from 1 to 3, the number of classes"),
    ],
)
def test_what_does_not_fit_the_classes_is_named(tf, asked, message):
    from exp.errors import UserError

    with pytest.raises(UserError) as error:
        made(tf, **asked)
    assert str(error.value) == message


def test_numbers_are_no_classes(tf):
    from exp.task import UnfitError
    from exp.task.classification import create

    with pytest.raises(UnfitError, match="and the targets are float32"):
        create(
            label_smoothing=0.0,
            class_weights=None,
            top_k=[],
            metrics={},
            classes=0,
            targets=tf.TensorSpec((), tf.float32),
        )


def test_a_metric_of_probabilities_is_refused(tf):
    import keras

    from exp.errors import UserError

    made(tf, metrics={"x": keras.metrics.SparseCategoricalCrossentropy(from_logits=True)})
    with pytest.raises(UserError, match=r"^task\.metrics\.x: takes probabilities, and the model gives logits"):
        made(tf, metrics={"x": keras.metrics.SparseCategoricalCrossentropy()})
