"""The order of examples: the semantics of a shuffle buffer, as a pure function."""

import collections

import numpy as np
import pytest

from exp.data.order import Order, epoch_order

SIZES = [(1, 1), (2, 1), (10, 1), (10, 3), (10, 9), (10, 10), (10, 100), (1000, 37), (5000, 4999)]


def one_by_one(*, seed: int, epoch: int, size: int, buffer_size: int) -> list[int]:
    """The definition: a buffer, from which one element after the other is drawn and replaced."""
    buffer = min(buffer_size, size)
    bits = np.random.Philox(key=np.array([seed, epoch], np.uint64)).random_raw(size)
    held, order = list(range(buffer)), []
    for draw in range(size - buffer):
        slot = (int(bits[draw]) >> 32) * buffer >> 32
        order.append(held[slot])
        held[slot] = draw + buffer
    return order + [held[slot] for slot in np.argsort(bits[size - buffer :], kind="stable")]


@pytest.mark.parametrize(("size", "buffer_size"), SIZES)
def test_is_what_a_buffer_would_draw(size, buffer_size):
    arguments = {"seed": 3, "epoch": 5, "size": size, "buffer_size": buffer_size}
    assert epoch_order(**arguments).tolist() == one_by_one(**arguments)


@pytest.mark.parametrize(("size", "buffer_size"), SIZES)
def test_every_example_comes_exactly_once(size, buffer_size):
    order = epoch_order(seed=0, epoch=0, size=size, buffer_size=buffer_size)
    assert sorted(order.tolist()) == list(range(size))


def test_a_buffer_of_one_keeps_the_order():
    assert epoch_order(seed=0, epoch=0, size=100, buffer_size=1).tolist() == list(range(100))


def test_no_example_comes_before_it_can_be_in_the_buffer():
    order = epoch_order(seed=1, epoch=2, size=10_000, buffer_size=100)
    assert all(example < position + 100 for position, example in enumerate(order.tolist()))


def test_matches_the_distribution_of_tf_data(tf):
    """Over many shuffles, each example ends up at each position as often as with `Dataset.shuffle`."""
    size, buffer, rounds = 6, 3, 4000
    ours = collections.Counter()
    for epoch in range(rounds):
        ours.update(enumerate(epoch_order(seed=7, epoch=epoch, size=size, buffer_size=buffer).tolist()))
    theirs = collections.Counter()
    dataset = tf.data.Dataset.range(size).shuffle(buffer, seed=1).batch(size).repeat(rounds)
    for row in dataset.as_numpy_iterator():
        theirs.update(enumerate(row.tolist()))
    for key in set(ours) | set(theirs):
        # A count of 4,000 trials has a standard deviation of at most 32; two counts differ by less than 5 * 45.
        assert abs(ours[key] - theirs[key]) < 225, key


def test_depends_on_seed_epoch_and_buffer_only():
    def draw(**changes: int) -> list[int]:
        return epoch_order(**{"seed": 1, "epoch": 2, "size": 500, "buffer_size": 50, **changes}).tolist()

    assert draw() == draw()
    others = [draw(seed=2), draw(epoch=3), draw(buffer_size=51)]
    assert all(other != draw() for other in others)


def test_the_stream_never_changes():
    """Runs of years ago must resume: these figures are part of the contract."""
    assert epoch_order(seed=0, epoch=0, size=12, buffer_size=5).tolist() == [0, 1, 5, 2, 8, 6, 4, 11, 9, 10, 3, 7]


def test_steps_are_found_directly_and_cross_epochs():
    order = Order(seed=4, size=103, buffer_size=20, batch_size=10)
    assert order.steps_per_epoch == 10
    whole = order.steps(0, 30)
    assert whole.shape == (30, 10)
    np.testing.assert_array_equal(order.steps(8, 5), whole[8:13])
    for epoch in range(3):
        expected = epoch_order(seed=4, epoch=epoch, size=103, buffer_size=20)[:100]
        np.testing.assert_array_equal(whole[epoch * 10 : epoch * 10 + 10].ravel(), expected)
