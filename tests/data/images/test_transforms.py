"""Each transform against NumPy, in training and in a test, and the random numbers behind them."""

import numpy as np
import pytest
from pydantic import TypeAdapter

from exp.config.transform_schema import AnyTransform
from exp.data import ImageTransforms, Spec
from exp.data.dataset import example_bytes
from exp.data.random_draws import uniform
from exp.errors import UserError

SHAPE = (6, 4, 3)
PICTURES = np.random.default_rng(0).integers(0, 256, (2, 5, *SHAPE), np.uint8)


def transforms(*wanted, shape=SHAPE) -> ImageTransforms:
    parsed = TypeAdapter(list[AnyTransform]).validate_python(list(wanted))
    return ImageTransforms(parsed, features=Spec(shape, "uint8"))


def draws(made: ImageTransforms, seed: int = 0):
    return np.random.default_rng(seed).random((2, 5, made.draws))


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("rot90", np.rot90(PICTURES, 1, axes=(2, 3))),
        ({"name": "rot90", "turns": 2}, np.rot90(PICTURES, 2, axes=(2, 3))),
        ({"name": "rot90", "turns": 3}, np.rot90(PICTURES, 3, axes=(2, 3))),
        ("flip", PICTURES[:, :, :, ::-1]),
        ({"name": "flip", "direction": "up_down"}, PICTURES[:, :, ::-1]),
        ("normalize", (PICTURES / 255 - 0.5) / 0.5),
        ({"name": "normalize", "mean": [0.1, 0.2, 0.3], "std": 2}, (PICTURES / 255 - [0.1, 0.2, 0.3]) / 2),
    ],
)
def test_what_is_not_random_is_the_same_in_training_and_test(tf, wanted, expected):
    made = transforms(wanted)
    train, test = made.train(PICTURES, draws(made)), made.test(PICTURES)
    np.testing.assert_array_equal(train, test)
    np.testing.assert_allclose(test, expected, atol=1e-6)
    assert tuple(train.shape[2:]) == made.features.shape
    assert train.dtype == made.features.dtype


@pytest.mark.parametrize("direction", ["left_right", "up_down"])
def test_random_flip_mirrors_some_in_training_and_none_in_a_test(tf, direction):
    made = transforms({"name": "random_flip", "direction": direction})
    drawn = draws(made)
    mirrored = PICTURES[:, :, :, ::-1] if direction == "left_right" else PICTURES[:, :, ::-1]
    expected = np.where(drawn[..., np.newaxis, np.newaxis] < 0.5, mirrored, PICTURES)
    np.testing.assert_array_equal(made.train(PICTURES, drawn), expected)
    np.testing.assert_array_equal(made.test(PICTURES), PICTURES)
    assert 0 < (drawn < 0.5).sum() < 10


def test_random_crop_cuts_from_anywhere_in_training_and_the_centre_in_a_test(tf):
    made = transforms({"name": "random_crop", "size": 3})
    drawn = draws(made)
    cut = made.train(PICTURES, drawn).numpy()
    assert cut.shape == (2, 5, 3, 3, 3)
    corners = set()
    for row, column in np.ndindex(2, 5):
        top, left = (int(u * room) for u, room in zip(drawn[row, column], (4, 2), strict=True))
        corners.add((top, left))
        np.testing.assert_array_equal(cut[row, column], PICTURES[row, column, top : top + 3, left : left + 3])
    assert len(corners) > 3
    np.testing.assert_array_equal(made.test(PICTURES), PICTURES[:, :, 1:4, 0:3])


def test_every_place_of_a_crop_can_be_drawn(tf):
    made = transforms({"name": "random_crop", "size": 5}, shape=(6, 6, 1))
    pictures = np.arange(36, dtype=np.uint8).reshape(1, 6, 6, 1).repeat(400, axis=0)
    numbers = uniform(seed=0, epoch=np.zeros(400, np.int64), index=np.arange(400), draws=2)
    assert set(made.train(pictures, numbers).numpy()[:, 0, 0, 0].tolist()) == {0, 1, 6, 7}


def test_transforms_follow_each_other(tf):
    made = transforms("rot90", {"name": "random_crop", "size": 2}, "random_flip", "normalize")
    assert (made.features, made.draws) == (Spec((2, 2, 3), "float32"), 3)
    assert example_bytes(made.features) == 48
    assert made.train(PICTURES, draws(made)).shape == (2, 5, 2, 2, 3)
    assert transforms("rot90").features.shape == (4, 6, 3)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"name": "random_crop", "size": 5}, r"data\.transforms\[0\]\.size=5: must be at most 4"),
        (
            {"name": "normalize", "mean": [1.0, 2.0]},
            r"data\.transforms\[0\]\.mean=\[1\.0, 2\.0\]: must be one number, or 3",
        ),
    ],
)
def test_what_pictures_cannot_give_is_refused(wanted, message):
    with pytest.raises(UserError, match=message):
        transforms(wanted)


def test_random_numbers_are_uniform_and_fixed():
    index = np.arange(100_000)
    numbers = uniform(seed=3, epoch=np.full(100_000, 7), index=index, draws=2)
    assert numbers.shape == (100_000, 2)
    assert 0 <= numbers.min() < 1e-4 < 1 - 1e-4 < numbers.max() < 1
    counts, _ = np.histogram(numbers, bins=20, range=(0, 1))
    assert np.abs(counts / 10_000 - 1).max() < 0.05
    assert abs(np.corrcoef(numbers[:, 0], numbers[:, 1])[0, 1]) < 0.02
    assert abs(np.corrcoef(numbers[1:, 0], numbers[:-1, 0])[0, 1]) < 0.02
    # Held fixed: a resumed run depends on it.
    np.testing.assert_allclose(numbers[:2].ravel(), FIXED, rtol=1e-12)


FIXED = (0.8471351310631972, 0.44812650345463534, 0.3486670098800504, 0.5717418370272469)
