"""Data sets from arrays, in memory and in a file: what goes in is what a model gets, and what is wrong is named."""

import numpy as np
import pytest

import exp.data
from exp.data import npz
from exp.data.dataset import Spec
from exp.data.split import read_examples
from exp.errors import UserError

X = np.arange(24, dtype=np.float64).reshape(6, 4)
Y = np.array([0, 1, 2, 0, 1, 2])


def test_arrays_are_what_a_model_gets(tf):
    made = exp.data.arrays(train=(X, Y), test=(X[:3], Y[:3]))
    assert (made.features, made.targets) == (Spec((4,), "float32"), Spec((), "int32"))
    assert made.class_names == ("0", "1", "2")
    features, targets = read_examples(made.train, [5, 0])
    np.testing.assert_array_equal(features, X[[5, 0]])
    assert targets.tolist() == [2, 0]


def test_features_may_have_names_and_integers_stay_integers(tf):
    given = {"words": np.arange(12).reshape(6, 2), "numbers": X}
    made = exp.data.arrays(train=(given, X[:, 0]), test=(given, X[:, 0]))
    assert made.features == {"words": Spec((2,), "int64"), "numbers": Spec((4,), "float32")}
    assert (made.targets, made.class_names) == (Spec((), "float32"), None)


def test_bytes_are_pixels_in_pictures_only(tf):
    tokens, pictures = np.arange(24, dtype=np.uint8).reshape(6, 4), np.zeros((6, 2, 2), np.uint8)
    assert exp.data.arrays(train=(tokens, Y), test=(tokens, Y)).features == Spec((4,), "int32")
    assert exp.data.arrays(train=(pictures, Y), test=(pictures, Y)).features == Spec((2, 2), "uint8")


def test_without_targets_the_features_are_wanted(tf):
    made = exp.data.arrays(train=X, test=X)
    assert made.targets == ()
    assert made.wanted(made.features) == made.features


def test_other_values_are_another_fingerprint(tf):
    one, other = (exp.data.arrays(train=(X, Y), test=(X + number, Y)) for number in (0, 1))
    assert one.fingerprint != other.fingerprint


NAN = X.copy()
NAN[2, 1] = np.nan


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ((X, Y[:5]), (X, Y), "the arrays of the train split have 5, 6 examples, not as many"),
        ((X, Y), (X[:0], Y[:0]), "the test split has no examples"),
        ((NAN, Y), (X, Y), "the train features have values that are not finite, the first in example 2"),
        ((X, NAN[:, 1]), (X, Y), "the train targets have values that are not finite, the first in example 2"),
        (
            (np.array([["a"]] * 6), Y),
            (X, Y),
            "the train features are <U1 of shape (6, 1), and must be arrays of numbers, an example in each row",
        ),
        (
            (X, Y),
            (X[:, :3], Y),
            "the training split has features float32 (4,) and targets int32 (), and the test split features float32 "
            "(3,) and targets int32 ()",
        ),
        ((X, Y + 2**40), (X, Y), "the train targets have whole numbers beyond int32"),
        ((X, Y, -Y), (X, Y, Y), "the train weights must be at least 0, and not all 0"),
        ((X, Y, X), (X, Y, X), "the train weights have shape (6, 4), and must have (6,) or (6,)"),
    ],
)
def test_what_is_wrong_is_one_sentence(tf, train, test, message):
    with pytest.raises(UserError) as error:
        exp.data.arrays(train=train, test=test)
    assert str(error.value) == message


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_file_is_the_arrays(tf, tmp_path, save):
    save(tmp_path / "mine.npz", x_train=X, y_train=Y, x_test=X[:3], y_test=Y[:3])
    made = npz.load(file=str(tmp_path / "mine.npz"))
    assert (made.name, made.source) == ("mine", "npz")
    assert npz.count(file=str(tmp_path / "mine.npz")) == 6
    assert made.fingerprint == exp.data.arrays(train=(X, Y), test=(X[:3], Y[:3])).fingerprint


def test_what_is_not_compressed_is_mapped(tmp_path):
    np.savez(tmp_path / "mine.npz", x_train=X.astype(np.float32))
    ((_, array),) = npz._members(tmp_path / "mine.npz")
    assert isinstance(array, np.memmap)
    np.testing.assert_array_equal(array, X)


def test_several_features_have_names_in_a_file(tf, tmp_path):
    parts = {f"x_{split}.{name}": X for split in ("train", "test") for name in ("a", "b")}
    np.savez(tmp_path / "mine.npz", y_train=Y, y_test=Y, **parts)
    assert npz.load(file=str(tmp_path / "mine.npz")).features.keys() == {"a", "b"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"x_train": X, "y_train": Y, "y_test": Y}, "has no x_test"),
        ({"x_train": X, "x_test": X, "y_train": Y}, "has no y_test"),
        ({"x_train": X, "x_test": X, "w_train": Y, "w_test": Y}, "has w_train, and weights go with targets (y_train)"),
        (
            {"x_train": X, "x_test": X, "z": Y},
            "has z; known are x_train, y_train, w_train, x_validation, y_validation, w_validation, x_test,",
        ),
        ({"x_train": np.array([None, 1], object), "x_test": X}, "cannot be read as a .npz file"),
        ({"x_train": X, "x_test": X, "y_train": Y[:2], "y_test": Y}, "the arrays of the train split have 2, 6"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(tf, tmp_path, content, message):
    np.savez(tmp_path / "mine.npz", **content)
    with pytest.raises(UserError) as error:
        npz.load(file=str(tmp_path / "mine.npz"))
    assert str(error.value).startswith(f"data.file={tmp_path / 'mine.npz'}: {message}")


def test_a_file_must_be_given_and_be_one(tf, tmp_path):
    with pytest.raises(UserError, match=r"^data\.file=null: must be the path of a \.npz file"):
        npz.load(file=None)
    (tmp_path / "text.npz").write_text("no zip")
    with pytest.raises(UserError, match=r"cannot be read as a \.npz file"):
        npz.load(file=str(tmp_path / "text.npz"))
