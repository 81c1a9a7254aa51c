"""Finding pictures by split and class, and what is said where they are not as they should be."""

import pytest

from exp.data.images.scan import find
from exp.errors import UserError


@pytest.fixture
def folder(tmp_path):
    """Three classes in both splits, a file in each."""
    for split in ("train", "valid"):
        for name in ("ape", "bee", "cow"):
            (tmp_path / split / name).mkdir(parents=True)
            (tmp_path / split / name / f"{name}.1.jpg").touch()
    (tmp_path / "train" / "bee" / "a.png").touch()
    return tmp_path


def test_classes_and_files_are_sorted(folder):
    found = find(folder, None)
    assert found.classes == ("ape", "bee", "cow")
    assert [path.name for path in found.files["train", "bee"]] == ["a.png", "bee.1.jpg"]
    assert (found.stray, found.hidden) == ((), 0)


def test_classes_can_be_chosen_and_ordered(folder):
    found = find(folder, ["cow", "ape"])
    assert found.classes == ("cow", "ape")
    assert {name for _, name in found.files} == {"cow", "ape"}


def test_what_lies_elsewhere_is_named_or_counted(folder):
    (folder / "train" / "notes.txt").touch()
    (folder / "train" / "ape" / ".DS_Store").touch()
    found = find(folder, None)
    assert [(skipped.file, skipped.reason) for skipped in found.stray] == [
        (str(folder / "train" / "notes.txt"), "lies beside the class folders")
    ]
    assert found.hidden == 1
    assert len(found.files["train", "ape"]) == 1


def empty(path):
    for file in path.iterdir():
        file.unlink()


@pytest.mark.parametrize(
    ("spoil", "classes", "message"),
    [
        (lambda f: (f / "valid").rename(f / "val"), None, r"has no folder valid, but train, val$"),
        (lambda f: empty(f / "train" / "bee"), None, r"train/bee: is empty; .* data\.classes=\[ape,cow\]$"),
        (lambda f: empty(f / "valid" / "cow"), None, r"valid/cow: is empty"),
        (
            lambda f: (f / "valid" / "cow").rename(f / "x"),
            None,
            r"valid: has no folder for the class cow, but ape, bee$",
        ),
        (lambda f: (f / "valid" / "dog").mkdir(), None, r"valid/dog: there is no such class in train"),
        (lambda f: None, ["ape", "cat"], r"train: has no folder for the class cat, but ape, bee, cow$"),
        (lambda f: None, ["ape"], r"data\.classes=\[ape\]: needs at least two classes"),
        (lambda f: None, ["ape", "ape"], r"needs at least two classes, each named once"),
        (lambda f: None, ["ape", "../valid/bee"], r"has no folder for the class \.\./valid/bee"),
    ],
)
def test_a_folder_that_is_not_one_of_pictures_is_refused(folder, spoil, classes, message):
    spoil(folder)
    with pytest.raises(UserError, match=message):
        find(folder, classes)


def test_a_path_that_leads_nowhere_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"data\.dir=.*absent: is not a folder; give one that holds train and valid"):
        find(tmp_path / "absent", None)
