"""The one training step and the one evaluation step."""

import numpy as np
import pytest

from exp.exec import step
from exp.task import Classification

TASK = Classification(classes=3)


@pytest.fixture
def model(tf):
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])
    model.build((None, 2, 2, 1))
    return model


@pytest.fixture
def batch():
    random = np.random.default_rng(0)
    return random.integers(0, 256, (8, 2, 2, 1), np.uint8), random.integers(0, 3, 8).astype(np.int32)


def train(model, optimizer, pictures, labels):
    """A step of a batch of 8, or of a replica's rows of it."""
    return step.train_step(model, optimizer=optimizer, task=TASK, features=pictures, targets=labels, global_batch=8)


def mean_loss(model, pictures, labels) -> float:
    """The mean cross-entropy, from the definition, in double precision."""
    logits = model(pictures.astype(np.float32) / 255).numpy().astype(np.float64)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return float(-np.log(probabilities[np.arange(len(labels)), labels]).mean())


def test_bytes_are_scaled_and_floats_are_not(tf):
    np.testing.assert_allclose(step.scaled(tf.constant([0, 51, 255], tf.uint8)), [0.0, 0.2, 1.0], rtol=1e-6)
    np.testing.assert_array_equal(step.scaled(tf.constant([0.5, 2.0])), [0.5, 2.0])


def test_integers_stay_integers_in_any_structure(tf):
    given = {"tokens": tf.constant([3, 7]), "picture": tf.constant([255], tf.uint8)}
    scaled = step.scaled(given)
    assert scaled["tokens"].dtype == tf.int32
    assert scaled["tokens"].numpy().tolist() == [3, 7]
    assert scaled["picture"].numpy().tolist() == [1.0]


def test_a_step_returns_the_mean_loss_and_descends(tf, model, batch):
    import keras

    pictures, labels = batch
    optimizer = keras.optimizers.SGD(0.5)
    optimizer.build(model.trainable_variables)
    before = mean_loss(model, pictures, labels)
    loss = train(model, optimizer, tf.constant(pictures), tf.constant(labels)).loss
    assert float(loss) == pytest.approx(before, rel=1e-5)
    assert mean_loss(model, pictures, labels) < before


def test_a_step_is_gradient_descent_on_the_mean(tf, model, batch):
    """The update of a linear model, from the closed form of its gradient."""
    import keras

    pictures, labels = batch
    optimizer = keras.optimizers.SGD(1.0)
    optimizer.build(model.trainable_variables)
    inputs = pictures.reshape(8, 4).astype(np.float64) / 255
    logits = model(pictures.astype(np.float32) / 255).numpy().astype(np.float64)
    errors = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True) - np.eye(3)[labels]
    expected = model.layers[1].kernel.numpy() - inputs.T @ errors / 8
    train(model, optimizer, tf.constant(pictures), tf.constant(labels))
    np.testing.assert_allclose(model.layers[1].kernel.numpy(), expected, rtol=1e-4, atol=1e-6)


def test_parts_of_a_batch_sum_to_its_mean(tf, model, batch):
    import keras

    pictures, labels = batch
    optimizer = keras.optimizers.SGD(1e-12)
    optimizer.build(model.trainable_variables)
    parts = [
        float(train(model, optimizer, tf.constant(pictures[rows]), tf.constant(labels[rows])).loss)
        for rows in (slice(0, 3), slice(3, 8))
    ]
    assert sum(parts) == pytest.approx(mean_loss(model, pictures, labels), rel=1e-5)


def test_regularisation_counts_once_however_the_batch_is_divided(tf, batch):
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3, kernel_regularizer="l2")])
    model.build((None, 2, 2, 1))
    optimizer = keras.optimizers.SGD(1e-12)
    optimizer.build(model.trainable_variables)
    pictures, labels = batch
    penalty = 0.01 * float(np.square(model.layers[1].kernel.numpy()).sum())
    parts = [
        float(train(model, optimizer, tf.constant(pictures[rows]), tf.constant(labels[rows])).loss)
        for rows in (slice(0, 3), slice(3, 8))
    ]
    assert sum(parts) == pytest.approx(mean_loss(model, pictures, labels) + penalty, rel=1e-5)


def test_evaluation_sums_and_ignores_filling(tf, model, batch):
    pictures, labels = batch
    counts = tf.range(8) < 5
    sums = step.eval_step(model, task=TASK, features=tf.constant(pictures), targets=tf.constant(labels), counts=counts)
    logits = model(pictures.astype(np.float32) / 255).numpy()
    assert int(sums.examples) == 5
    assert int(sums.metrics["accuracy"]["correct"]) == int((logits[:5].argmax(axis=1) == labels[:5]).sum())
    assert float(sums.loss) == pytest.approx(5 * mean_loss(model, pictures[:5], labels[:5]), rel=1e-5)
