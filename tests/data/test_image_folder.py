"""The data set made of a folder: what is used, what is skipped, what its fingerprint covers."""

import shutil

import numpy as np
import pytest

from exp.data import Spec, cats_vs_dogs, image_folder
from exp.errors import UserError
from tests.support import odd
from tests.support.pictures import picture_folder
from tests.support.splits import read

pytestmark = pytest.mark.usefixtures("tf")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return picture_folder(tmp_path_factory.mktemp("pets"), train=6, valid=3)


@pytest.fixture
def own(folder, tmp_path):
    """A copy that a test may spoil."""
    return shutil.copytree(folder, tmp_path / "own")


def load(folder, tmp_path, **changes):
    given = {
        **{"source": "auto", "dir": str(folder), "classes": None, "image_size": 32, "on_bad": "stop"},
        **{"max_pixels": 10**6, "cache": "none", "cache_dir": str(tmp_path / "cache")},
    }
    return cats_vs_dogs.load(**(given | changes))


def test_a_folder_becomes_two_splits(tf, folder, tmp_path):
    dataset = load(folder, tmp_path)
    assert (dataset.name, dataset.source, dataset.class_names) == ("cats_vs_dogs", "directory", ("cats", "dogs"))
    assert (dataset.features, dataset.classes) == (Spec((32, 32, 3), "uint8"), 2)
    assert dataset.train.targets.tolist() == [0] * 6 + [1] * 6
    assert dataset.test.targets.tolist() == [0] * 3 + [1] * 3
    assert (dataset.skipped, dataset.notes) == ((), ())
    pictures, labels = read(dataset.train, [0, 7])
    assert pictures.shape == (2, 32, 32, 3)
    assert labels.tolist() == [0, 1]


@pytest.mark.parametrize("cache", ["memory", "disk"])
def test_a_cache_changes_nothing_but_the_speed(tf, folder, tmp_path, cache):
    plain, cached = load(folder, tmp_path), load(folder, tmp_path, cache=cache)
    assert cached.fingerprint == plain.fingerprint
    for one, two in ((plain.train, cached.train), (plain.test, cached.test)):
        np.testing.assert_array_equal(read(one, np.arange(one.size))[0], read(two, np.arange(two.size))[0])


def test_the_fingerprint_is_that_of_the_content(tf, folder, own, tmp_path):
    before = load(folder, tmp_path).fingerprint
    assert load(own, tmp_path).fingerprint == before
    (own / "train" / "cats" / "0000.jpg").rename(own / "train" / "cats" / "0000-renamed.jpg")
    assert load(own, tmp_path).fingerprint == before
    assert load(own, tmp_path, classes=["dogs", "cats"]).fingerprint != before
    shutil.copy(own / "train" / "cats" / "0001.jpg", own / "train" / "cats" / "0002.jpg")
    assert load(own, tmp_path).fingerprint != before


def test_chosen_classes_get_labels_in_their_order(tf, folder, tmp_path):
    dataset = load(folder, tmp_path, classes=["dogs", "cats"])
    assert dataset.class_names == ("dogs", "cats")
    np.testing.assert_array_equal(read(dataset.train, [0])[0], read(load(folder, tmp_path).train, [6])[0])


@pytest.mark.parametrize("name", odd.BAD)
def test_each_kind_of_bad_file_stops_and_can_be_skipped(tf, own, tmp_path, name):
    content, reason = odd.BAD[name]
    path = own / "valid" / "dogs" / name
    path.write_bytes(content())
    with pytest.raises(UserError) as error:
        load(own, tmp_path)
    first, last = str(error.value).splitlines()
    assert first.startswith(f"{path}: {reason}")
    assert last.endswith("1 of 19 files cannot be used; mend or remove them, or go on without them by data.on_bad=skip")
    dataset = load(own, tmp_path, on_bad="skip")
    assert [skipped.file for skipped in dataset.skipped] == [str(path)]
    assert dataset.skipped[0].reason.startswith(reason)
    assert dataset.notes == ("skipped 1 file that cannot be used; manifest.json names each",)
    assert (dataset.train.size, dataset.test.size) == (12, 6)


def test_all_bad_files_are_listed_at_once(own, tmp_path):
    (own / "train" / "notes.txt").touch()
    odd.write(own / "train" / "cats", {name: content for name, (content, _) in odd.BAD.items()})
    with pytest.raises(UserError) as error:
        load(own, tmp_path)
    lines = str(error.value).splitlines()
    assert len(lines) == len(odd.BAD) + 2
    assert all(any(name in line for line in lines) for name in odd.BAD)
    assert f"{len(odd.BAD) + 1} of" in lines[-1]


def test_a_long_list_is_cut_but_counted(own, tmp_path):
    for number in range(60):
        (own / "train" / "cats" / f"{number}.txt").touch()
    with pytest.raises(UserError) as error:
        load(own, tmp_path)
    lines = str(error.value).splitlines()
    assert len(lines) == 52
    assert lines[-2] == "... and 10 more"


def test_a_class_of_bad_files_alone_cannot_be_skipped(own, tmp_path):
    for path in (own / "valid" / "cats").iterdir():
        path.write_bytes(b"")
    with pytest.raises(UserError, match=r"valid/cats: holds no picture that can be used"):
        load(own, tmp_path, on_bad="skip")


def test_hidden_files_are_passed_over(own, tmp_path):
    (own / "train" / "cats" / ".hidden").touch()
    assert load(own, tmp_path).notes == ("passed over 1 hidden file",)


def test_drawn_pictures_are_drawn_once(tf, tmp_path, monkeypatch):
    from exp.data.images import synthetic

    monkeypatch.setattr(synthetic, "SIZES", {"train": 5, "valid": 2})
    dataset = load(None, tmp_path, source="synthetic", dir=None)
    assert dataset.source == "synthetic"
    assert (dataset.train.size, dataset.test.size) == (10, 4)
    monkeypatch.setattr(synthetic, "draw_all", None)
    assert load(None, tmp_path, source="synthetic", dir=None).fingerprint == dataset.fingerprint


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": "directory", "dir": None}, r"data\.source=directory: needs data\.dir"),
        ({"source": "synthetic"}, r"data\.dir=.*: the drawn pictures lie in data\.cache_dir"),
        ({"dir": "absent"}, r"data\.dir=absent: is not a folder"),
    ],
)
def test_sources_that_contradict_are_refused(folder, tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        load(folder, tmp_path, **changes)


def test_the_size_is_told_without_reading(folder):
    given = {"classes": None, "cache_dir": None, "image_size": 3}
    assert cats_vs_dogs.count(source="auto", dir=str(folder), **given) == 12
    assert cats_vs_dogs.count(source="tfds", dir=None, **given) is None
    assert cats_vs_dogs.count(source="synthetic", dir=None, **given) == 800


def test_the_generic_loader_reads_the_same(tf, folder, tmp_path):
    theirs = load(folder, tmp_path)
    ours = image_folder.load(
        dir=str(folder),
        **{"classes": None, "image_size": 32, "on_bad": "stop", "max_pixels": 10**6},
        **{"cache": "none", "cache_dir": str(tmp_path / "cache")},
    )
    assert (ours.name, ours.source, ours.fingerprint) == ("image_folder", "directory", theirs.fingerprint)
    assert ours.class_names == theirs.class_names
