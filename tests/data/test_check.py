"""A data set of one's own is checked when it is loaded: a sentence, where TensorFlow would say a page."""

import pytest

from exp.data.check import check_dataset
from exp.errors import UserError
from tests.support.broken import splits


@pytest.mark.usefixtures("tf")
@pytest.mark.parametrize("kind", ["good", "good_floats"])
def test_what_is_right_passes(kind):
    check_dataset(splits(kind=kind), what="data=own")


@pytest.mark.usefixtures("tf")
@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("int64_labels", "the training labels are int64 of shape (200,), and must be int32"),
        ("listed_labels", "the training labels are a list, and must be int32"),
        ("columns", "the training labels are int32 of shape (200, 1), and must be int32 of shape (examples,)"),
        ("float64", "the training features are float64, and features.dtype is float32"),
        ("float64_said", "features.dtype is float64, and must be one of uint8, float32"),
        ("unequal_by_hand", "the training examples 0 and 199 cannot be read: "),
        ("label_2_of_2", "a training label is 2, and with 2 classes they must be from 0 to 1"),
        ("negative", "a training label is -1, and with 2 classes they must be from 0 to 1"),
        ("empty", "the training split has no examples"),
        ("another_shape", "the training features have shape (8, 8, 1), and features.shape is (8, 8)"),
        ("not_finite", "the training features have values that are not finite"),
        ("no_names", "class_names must have a name for each class"),
        (
            "unreadable",
            "the training examples 0 and 199 cannot be read: NameError: name 'absent' is not",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence(kind, message):
    with pytest.raises(UserError) as error:
        check_dataset(splits(kind=kind), what="data=own")
    assert str(error.value).startswith(f"data=own: {message}")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500


def test_unequal_lengths_are_refused_where_they_meet():
    with pytest.raises(UserError, match=r"^a split of the data set has 150 features, and 200 targets$"):
        splits(kind="unequal")
