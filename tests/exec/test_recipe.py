"""Clipping, accumulation, averages and loss scale, against NumPy; in every mode, and on replicas."""

import itertools

import numpy as np
import pytest

from exp.exec.averages import Averages
from exp.exec.loss_scale import FIRST, LossScale
from exp.exec.recipe import Recipe
from tests.support.training import train

MODES = ("function", "eager", "session")
EVERYWHERE = list(itertools.product(MODES, (1, 2)))


def sgd(rate=0.5):
    def make():
        import keras

        return keras.optimizers.SGD(rate)

    return make


def plain(mode="function", replicas=1, **options):
    return train(mode, optimizer=sgd(), replicas=replicas, **options)


def with_recipe(mode, replicas, make, *, rate=0.5, **options):
    return train(mode, optimizer=sgd(rate), replicas=replicas, recipe=make, **options)


def moved(trained, start):
    """How far all weights together have moved."""
    return float(np.sqrt(sum(((a - b) ** 2).sum() for a, b in zip(trained.weights, start.weights, strict=True))))


@pytest.fixture(scope="module")
def start(tf):
    return train("function", optimizer=sgd(0.0), last=1)


@pytest.fixture(scope="module")
def eight_steps(tf):
    """The weights after each of the first eight steps."""
    return [plain(last=last).weights for last in range(1, 9)]


@pytest.mark.parametrize(("mode", "replicas"), EVERYWHERE)
def test_the_gradient_of_the_whole_batch_is_clipped(tf, start, mode, replicas):
    """A step of SGD moves the weights by the rate times the norm, if the gradient is longer; else as without."""
    clipped = with_recipe(mode, replicas, lambda network, strategy: Recipe(clip_norm=0.01, shows_norm=True), last=1)
    loss, norm = clipped.losses[0]
    assert loss == pytest.approx(start.losses[0], rel=1e-6)
    assert norm > 0.1
    assert moved(clipped, start) == pytest.approx(0.5 * 0.01, rel=1e-4)
    free = with_recipe(mode, replicas, lambda network, strategy: Recipe(clip_norm=1000.0, shows_norm=True), last=1)
    assert moved(free, start) == pytest.approx(0.5 * norm, rel=1e-4)
    assert free.losses[0] == pytest.approx(clipped.losses[0], rel=1e-6)


@pytest.mark.parametrize(("mode", "replicas"), EVERYWHERE)
@pytest.mark.parametrize("parts", [2, 3, 5])
def test_parts_of_a_batch_are_the_batch(tf, mode, replicas, parts):
    whole = plain()
    made = with_recipe(mode, replicas, lambda network, strategy: Recipe(accumulate=parts))
    np.testing.assert_allclose(made.losses, whole.losses, rtol=1e-5)
    for one, other in zip(made.weights, whole.weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize(("mode", "replicas"), EVERYWHERE)
def test_averages_follow_the_weights(start, eight_steps, mode, replicas):
    def recipe(network, strategy):
        return Recipe(averages=Averages(network.trainable_variables, decay=0.6, strategy=strategy))

    expected = start.weights
    for number, weights in enumerate(eight_steps):
        decay = min(0.6, (1 + number) / (10 + number))
        expected = [decay * average + (1 - decay) * weight for average, weight in zip(expected, weights, strict=True)]
    made = with_recipe(mode, replicas, recipe, last=8)
    averages = [value for path, value in made.state.items() if path.startswith("averages/")]
    assert len(averages) == len(expected)
    for one, other in zip(averages, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    for one, other in zip(made.weights, eight_steps[-1], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("mode", "replicas"), EVERYWHERE)
def test_a_step_that_overflows_changes_nothing_but_the_scale(tf, mode, replicas):
    def recipe(network, strategy):
        return Recipe(loss_scale=LossScale(strategy=strategy))

    start = with_recipe(mode, replicas, recipe, last=1).state
    first_layer = [path for path, array in start.items() if path.endswith("/kernel") and array.shape[0] == 16]
    assert first_layer
    first = {**start, **{path: 100 * start[path] for path in first_layer}}  # so that gradients are above 1
    first["loss_scale/value"] = np.float32(FIRST)
    fine = with_recipe(mode, replicas, recipe, first=1, last=2, state=first)
    assert fine.losses[0][1] == FIRST
    assert fine.state["loss_scale/steps"] == 2
    over = with_recipe(mode, replicas, recipe, first=1, last=2, state={**first, "loss_scale/value": np.float32(3.4e38)})
    assert over.losses[0][0] == pytest.approx(fine.losses[0][0], rel=1e-6)
    assert over.losses[0][1] == pytest.approx(1.7e38, rel=1e-6)
    assert over.state["loss_scale/steps"] == 0
    for path, value in over.state.items():
        if path.startswith("loss_scale"):
            continue
        if path.endswith("iterations"):
            assert value == 2
        else:
            np.testing.assert_array_equal(value, first[path])
    for path, value in first.items():
        if path.startswith("model") and "seed" not in path:
            assert not np.array_equal(fine.state[path], value)


def test_the_scale_cancels_out(tf):
    scaled = with_recipe("function", 1, lambda network, strategy: Recipe(loss_scale=LossScale(strategy=strategy)))
    np.testing.assert_allclose(scaled.losses[:, 0], plain().losses, rtol=1e-6)


def test_the_scale_is_doubled_after_many_steps_without_an_overflow(tf, monkeypatch):
    monkeypatch.setattr("exp.exec.loss_scale.STEPS_TO_DOUBLE", 5)
    made = with_recipe("function", 1, lambda network, strategy: Recipe(loss_scale=LossScale(strategy=strategy)))
    assert made.losses[:, 1].tolist() == [FIRST] * 4 + [2 * FIRST] * 5 + [4 * FIRST] * 3


def test_a_gradient_of_zero_is_not_divided_by_its_norm(tf):
    import tensorflow

    given, norm = Recipe(clip_norm=1.0, shows_norm=True).prepared([tensorflow.zeros(3), None, tensorflow.zeros(2)])
    assert float(norm) == 0
    assert given[1] is None
    assert not np.isnan(given[0]).any()


def test_rows_that_are_named_twice_count_together(tf):
    import tensorflow

    values, rows = tensorflow.constant([[3.0], [1.0]]), tensorflow.constant([1, 1])
    slices = tensorflow.IndexedSlices(values, rows, tensorflow.constant([3, 1]))
    (given,), norm = Recipe(clip_norm=2.0).prepared([slices])
    assert float(norm) == 4
    np.testing.assert_allclose(given, [[0.0], [2.0], [0.0]])
