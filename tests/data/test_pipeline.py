"""From an order to batches: calls, their filling, and testing every example once."""

from dataclasses import replace

import numpy as np
import pytest

from exp.config.transform_schema import RandomFlip
from exp.data import Feed, ImageTransforms, Order, Spec, array_split, evaluation_dataset, plan_calls, training_dataset
from exp.data.pipeline import Call


def split(size: int):
    pictures = np.arange(size, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1), np.uint8)
    return array_split(pictures, np.arange(size, dtype=np.int32))


def feed(batch_size: int, steps_per_call: int, *transforms) -> Feed:
    made = ImageTransforms(transforms, features=Spec((2, 2, 1), "uint8"))
    return Feed(batch_size=batch_size, steps_per_call=steps_per_call, transforms=made, threads=2, prefetch=1)


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
    elements = list(training_dataset(split(20), order, calls, feed(6, 3)))
    assert len(elements) == len(calls) == 3
    for call, (pictures, labels) in zip(calls, elements, strict=True):
        assert pictures.shape == (3, 6, 2, 2, 1)
        assert pictures.dtype == tf.uint8
        assert labels.dtype == tf.int32
        expected = order.steps(call.first, call.steps)
        np.testing.assert_array_equal(labels[: call.steps], expected)
        np.testing.assert_array_equal(pictures[: call.steps, :, 0, 0, 0], expected)


@pytest.mark.parametrize("batch_size", [1, 7, 10, 64, 100])
@pytest.mark.parametrize("steps_per_call", [1, 3])
def test_testing_takes_every_example_once_in_order(tf, batch_size, steps_per_call):
    dataset = evaluation_dataset(split(50), feed(batch_size, steps_per_call))
    labels = np.concatenate([labels.numpy()[counts.numpy()] for _, labels, counts in dataset])
    assert labels.tolist() == list(range(50))
    assert {tuple(labels.shape) for _, labels, _ in dataset} == {(steps_per_call, batch_size)}


def slanted_split(size: int):
    """Pictures whose left column is 0 and whose right column is 9: a mirrored one can be told."""
    pictures = np.zeros((size, 2, 2, 1), np.uint8)
    pictures[:, :, 1] = 9
    return array_split(pictures, np.arange(size, dtype=np.int32))


def mirrored(first: int, last: int, steps_per_call: int, *, seed: int = 0) -> dict[tuple[int, int], bool]:
    """For each (epoch, example) of these steps whether its picture was mirrored."""
    order = Order(seed=seed, size=20, buffer_size=20, batch_size=5)
    calls = plan_calls(first=first, last=last, steps_per_call=steps_per_call, every=1000)
    flipping = replace(feed(5, steps_per_call, RandomFlip(name="random_flip")), seed=seed)
    dataset = training_dataset(slanted_split(20), order, calls, flipping)
    found = {}
    for call, (pictures, labels) in zip(calls, dataset, strict=True):
        for number in range(call.steps):
            epoch = (call.first + number) // order.steps_per_epoch
            for label, picture in zip(labels[number].numpy(), pictures[number].numpy(), strict=True):
                found[epoch, int(label)] = picture[0, 0, 0] == 9
    return found


def test_random_transforms_depend_on_seed_epoch_and_example_alone(tf):
    whole = mirrored(0, 40, 1)
    assert len(whole) == 200
    assert 60 < sum(whole.values()) < 140
    assert any(whole[0, example] != whole[1, example] for example in range(20))
    assert mirrored(0, 40, 7) == whole
    assert mirrored(0, 40, 1, seed=1) != whole
    resumed = mirrored(13, 40, 4)
    assert resumed == {key: whole[key] for key in resumed}


def test_a_test_sees_no_random_transform(tf):
    dataset = evaluation_dataset(slanted_split(7), feed(4, 1, RandomFlip(name="random_flip")))
    assert all((pictures.numpy()[..., 0, 0] == 0).all() for pictures, _, _ in dataset)


def test_nothing_is_tuned_in_the_background(tf):
    """The thread that does it can keep a run waiting at its end."""
    calls = plan_calls(first=0, last=4, steps_per_call=2, every=4)
    order = Order(seed=0, size=20, buffer_size=1, batch_size=5)
    for dataset in (training_dataset(split(20), order, calls, feed(5, 2)), evaluation_dataset(split(20), feed(5, 2))):
        assert dataset.options().autotune.enabled is False


def test_no_call_runs_past_a_multiple_of_any_period():
    calls = plan_calls(first=0, last=30, steps_per_call=20, every=[10, 6])
    assert [call.first for call in calls] == [0, 6, 10, 12, 18, 20, 24]
