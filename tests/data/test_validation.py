"""Examples that are set apart: which they are, and that a part of a split is read like a split."""

import hashlib
from collections import Counter

import numpy as np
import pytest

from exp.data import arrays
from exp.data.split import read_examples
from exp.data.validation import set_apart, validation_size, with_validation
from exp.errors import UserError

LABELS = np.repeat(np.arange(4), [10, 20, 30, 41]).astype(np.int32)


def data_set(**more):
    numbers = np.arange(101, dtype=np.float32)[:, None]
    return arrays(train=(numbers, LABELS), test=(numbers[:4], LABELS[:4]), **more)


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
@pytest.mark.parametrize("size", [1, 7, 50, 100])
def test_every_example_is_in_one_part_and_classes_have_their_share(seed, size):
    stay, apart = set_apart(LABELS, examples=101, size=size, split_seed=seed)
    assert len(apart) == size
    assert np.array_equal(np.sort([*stay, *apart]), np.arange(101))
    assert (np.diff(stay) > 0).all()
    assert (np.diff(apart) > 0).all()
    shares = Counter(LABELS[apart].tolist())
    for label, count in Counter(LABELS.tolist()).items():
        assert abs(shares[label] - count * size / 101) < 1


def test_which_they_are_is_known_for_good():
    """These are the numbers of the first version: a run that is resumed in ten years has the same split."""
    assert set_apart(None, examples=20, size=5, split_seed=0).apart.tolist() == KNOWN_PLAIN
    apart = set_apart(LABELS, examples=101, size=9, split_seed=3).apart
    assert apart.tolist() == KNOWN_BY_CLASS


KNOWN_PLAIN = [0, 2, 9, 11, 17]
KNOWN_BY_CLASS = [6, 17, 19, 41, 48, 56, 65, 95, 98]


def test_another_seed_sets_others_apart():
    chosen = {tuple(set_apart(LABELS, examples=101, size=30, split_seed=seed).apart) for seed in range(5)}
    assert len(chosen) == 5


def test_each_example_is_set_apart_about_as_often_as_others():
    times = np.zeros(101)
    for seed in range(1000):
        times[set_apart(LABELS, examples=101, size=20, split_seed=seed).apart] += 1
    assert times.min() > 130
    assert times.max() < 270


@pytest.mark.parametrize(
    ("wanted", "size"), [(0.1, 10), (1, 1), (100, 100), (0.999, None), (0.001, None), (101, None), (200, None)]
)
def test_a_size_leaves_something_on_both_sides(wanted, size):
    if size is None:
        with pytest.raises(UserError, match=f"data.validation={wanted}: would set"):
            validation_size(wanted, 101)
    else:
        assert validation_size(wanted, 101) == size


def test_a_part_is_read_like_a_split(tf):
    divided = with_validation(data_set(), 0.2, split_seed=0)
    assert (divided.train.size, divided.validation.size, divided.test.size) == (81, 20, 4)
    seen = []
    for split in (divided.train, divided.validation):
        features, targets = read_examples(split, range(split.size))
        assert np.array_equal(targets, split.targets)
        assert np.array_equal(targets, LABELS[features[:, 0].astype(int)])
        seen += features[:, 0].tolist()
    assert sorted(seen) == list(range(101))
    apart = np.sort(read_examples(divided.validation, range(20))[0][:, 0]).astype("<i8")
    assert divided.set_apart == hashlib.sha256(apart.tobytes()).hexdigest()


def test_rows_that_fill_up_stay_such_rows(tf):
    split = with_validation(data_set(), 0.2, split_seed=0).validation
    requests = tf.data.Dataset.from_tensors(np.array([[0, 1], [2, -1]], np.int64))
    features, targets = next(iter(split.read(requests, 1)))
    assert features.shape == (2, 2, 1)
    assert targets.shape == (2, 2)


def test_its_own_split_or_none(tf):
    held = (np.zeros((3, 1), np.float32), np.array([0, 1, 2], np.int32))
    own = data_set(validation=held)
    assert with_validation(own, "own", split_seed=0).validation.size == 3
    assert with_validation(own, None, split_seed=0).validation is None
    assert with_validation(own, 5, split_seed=0).validation.size == 5
    with pytest.raises(
        UserError, match=r"data\.validation=own: the data set arrays has no validation split of its own"
    ):
        with_validation(data_set(), "own", split_seed=0)


def test_a_validation_split_must_be_like_the_others(tf):
    with pytest.raises(UserError, match=r"the training split has .*, and the validation split"):
        data_set(validation=(np.zeros((3, 2), np.float32), np.zeros(3, np.int32)))
