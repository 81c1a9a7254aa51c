"""Random numbers of a step of one's own: a pure function of seed, split, step and row."""

import math

import numpy as np
import pytest

from exp.errors import UserError


@pytest.fixture(scope="module")
def draws(tf):
    from exp.exec.draws import Draws

    def make(*, seed=0, split=0, step=0, rows=range(10)):
        return Draws(seed=seed, split=split, step=step, rows=tf.constant(list(rows)))

    return make


def test_each_key_gives_other_numbers_and_the_same_key_the_same(draws):
    shape = (4, 3)
    reference = draws().normal(shape).numpy()
    assert reference.shape == (10, *shape)
    np.testing.assert_array_equal(draws().normal(shape), reference)
    for other in ({"seed": 1}, {"split": 1}, {"step": 1}, {"rows": range(10, 20)}):
        assert not np.intersect1d(draws(**other).normal(shape), reference).size
    twice = draws()
    assert not np.intersect1d(twice.normal(shape), twice.normal(shape)).size


def test_a_row_draws_the_same_in_any_batch(draws):
    whole = draws(step=7).uniform((5,)).numpy()
    np.testing.assert_array_equal(draws(step=7, rows=range(3)).uniform((5,)), whole[:3])
    np.testing.assert_array_equal(draws(step=7, rows=range(3, 10)).uniform((5,)), whole[3:])


def test_the_distributions_are_what_they_are_called(draws):
    made = draws(rows=range(2000))
    uniform, normal = made.uniform((25,), 2.0, 5.0).numpy().ravel(), made.normal((25,), 1.0, 3.0).numpy().ravel()
    assert uniform.min() >= 2.0
    assert uniform.max() < 5.0
    error = 4 / math.sqrt(uniform.size)  # four standard errors of a mean, in standard deviations
    for power, even, bell in ((1, 0, 0), (2, 1 / 12, 1), (3, 0, 0), (4, 1 / 80, 3)):
        assert (((uniform - 3.5) / 3) ** power).mean() == pytest.approx(even, abs=error * 0.3)
        assert (((normal - 1) / 3) ** power).mean() == pytest.approx(bell, abs=error * math.sqrt(105))
    assert abs(np.corrcoef(normal[:-1], normal[1:])[0, 1]) < error


def test_a_graph_draws_the_same(tf, draws):
    here = draws(step=5).normal((2,)).numpy()
    there = tf.function(lambda step: draws(step=step).normal((2,)), autograph=False)(tf.constant(5))
    np.testing.assert_array_equal(there, here)


def test_a_loop_in_the_graph_would_draw_the_same_again_and_again(tf, draws):
    def step():
        random = draws()
        return tf.while_loop(lambda total: total < 9.0, lambda total: total + tf.reduce_sum(random.uniform()), [0.0])

    with pytest.raises(UserError, match=r"random: is used inside a tf\.while_loop"):
        tf.function(step, autograph=False)()
