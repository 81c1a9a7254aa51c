"""From an order to batches: calls, their filling, and testing every example once."""

import numpy as np
import pytest

from exp.data import Order, plan_calls, test_dataset, training_dataset
from exp.data.base import array_part
from exp.data.pipeline import Call


def part(size: int):
    pictures = np.arange(size, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1), np.uint8)
    return array_part(pictures, np.arange(size, dtype=np.int32))


@pytest.mark.parametrize(
    ("first", "last", "steps_per_call", "every", "calls"),
    [
        (0, 10, 4, 100, [(0, 4), (4, 4), (8, 2)]),
        (0, 10, 4, 6, [(0, 4), (4, 2), (6, 4)]),
        (5, 12, 4, 6, [(5, 1), (6, 4), (10, 2)]),
        (0, 3, 20, 1, [(0, 1), (1, 1), (2, 1)]),
        (7, 7, 4, 6, []),
    ],
)
def test_calls_stop_at_checkpoints_and_at_the_end(first, last, steps_per_call, every, calls):
    planned = plan_calls(first=first, last=last, steps_per_call=steps_per_call, every=every)
    assert planned == [Call(*call) for call in calls]


def test_training_elements_hold_the_steps_of_their_call(tf):
    order = Order(seed=0, size=20, buffer_size=20, batch_size=6)
    calls = plan_calls(first=1, last=8, steps_per_call=3, every=5)
    elements = list(training_dataset(part(20), order, calls, steps_per_call=3, prefetch=1))
    assert len(elements) == len(calls) == 3
    for call, (pictures, labels) in zip(calls, elements, strict=True):
        assert pictures.shape == (3, 6, 2, 2, 1)
        assert pictures.dtype == tf.uint8
        assert labels.dtype == tf.int32
        expected = order.steps(call.first, call.steps)
        np.testing.assert_array_equal(labels[: call.steps], expected)
        np.testing.assert_array_equal(pictures[: call.steps, :, 0, 0, 0], expected)
        assert (labels.numpy()[call.steps :] == -1).all()


@pytest.mark.parametrize("batch_size", [1, 7, 10, 64, 100])
@pytest.mark.parametrize("steps_per_call", [1, 3])
def test_testing_takes_every_example_once_in_order(tf, batch_size, steps_per_call):
    dataset = test_dataset(part(50), batch_size=batch_size, steps_per_call=steps_per_call, prefetch=0)
    labels = np.concatenate([labels.numpy().ravel() for _, labels in dataset])
    assert labels[labels >= 0].tolist() == list(range(50))
    assert {tuple(labels.shape) for _, labels in dataset} == {(steps_per_call, batch_size)}


test_dataset.__test__ = False  # the function under test is not a test
