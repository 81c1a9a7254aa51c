"""Weights of examples and of positions: losses and metrics mind them, and a position of weight 0 is as if not there."""

import numpy as np
import pytest

from exp.data import Weighted
from exp.exec.evaluation import total
from exp.exec.step import eval_step, train_step
from exp.task.classification import create

RANDOM = np.random.default_rng(0)
ROWS, POSITIONS, CLASSES = 5, 4, 3
LOGITS = RANDOM.normal(size=(ROWS, POSITIONS, CLASSES)).astype(np.float32)
LABELS = RANDOM.integers(0, CLASSES, (ROWS, POSITIONS)).astype(np.int32)
MASK = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]], np.float32)
COUNTS = np.array([True, True, True, True, False])


@pytest.fixture(scope="module")
def task(tf):
    options = {"label_smoothing": 0.0, "class_weights": None, "top_k": [], "metrics": {}}
    return create(**options, classes=CLASSES, targets=tf.TensorSpec((POSITIONS,), tf.int32), weighted="positions")


@pytest.fixture
def model(tf):
    """Gives its features back, but for a number that is learned."""
    import keras

    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.shift = self.add_weight(shape=(), initializer="zeros")

        def call(self, features, training=False):
            return features + self.shift

    made = Model()
    made.build((None, POSITIONS, CLASSES))
    return made


def cross_entropies() -> np.ndarray:
    logits = LOGITS.astype(np.float64)
    chosen = np.take_along_axis(logits, LABELS[..., None], axis=2)[..., 0]
    return np.log(np.exp(logits).sum(axis=2)) - chosen


def targets(tf, weights):
    return Weighted(tf.constant(LABELS), tf.constant(weights))


def evaluated(tf, task, model, weights, logits=LOGITS):
    sums = eval_step(
        model, task=task, features=tf.constant(logits), targets=targets(tf, weights), counts=tf.constant(COUNTS)
    )
    return total(task, [tf.nest.map_structure(lambda part: part.numpy(), sums)])


def test_a_masked_position_is_as_if_it_were_not_there(tf, task, model):
    found = evaluated(tf, task, model, MASK)
    rows = (cross_entropies() * MASK).sum(axis=1) / MASK.sum(axis=1)
    assert found.loss == pytest.approx(rows[COUNTS].mean(), rel=1e-6)
    right = (LOGITS.argmax(axis=2) == LABELS)[COUNTS][MASK[COUNTS] == 1]
    assert found.metrics["accuracy"] == pytest.approx(right.mean(), abs=1e-12)
    elsewhere = np.where(MASK[..., None] == 0, 100, LOGITS).astype(np.float32)
    assert evaluated(tf, task, model, MASK, elsewhere) == found


def test_a_weight_of_an_example_multiplies_its_loss(tf, task, model):
    weights = np.array([2, 1, 0, 0.5, 9], np.float32)
    found = evaluated(tf, task, model, weights)
    rows = cross_entropies().mean(axis=1) * weights
    assert found.loss == pytest.approx(rows[COUNTS].mean(), rel=1e-6)
    right = (LOGITS.argmax(axis=2) == LABELS)[COUNTS] * weights[COUNTS, None]
    assert found.metrics["accuracy"] == pytest.approx(right.sum() / (4 * weights[COUNTS].sum()), rel=1e-6)


def test_training_minds_the_mask_too(tf, task, model):
    import keras

    optimizer = keras.optimizers.SGD(0.1)
    optimizer.build(model.trainable_variables)
    update = train_step(
        model,
        optimizer=optimizer,
        task=task,
        features=tf.constant(LOGITS),
        targets=targets(tf, MASK),
        global_batch=ROWS,
    )
    rows = (cross_entropies() * MASK).sum(axis=1) / MASK.sum(axis=1)
    assert float(update.loss) == pytest.approx(rows.mean(), rel=1e-6)
