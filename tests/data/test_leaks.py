"""Examples in two splits: the same ones, and pictures that look alike."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from exp.data import arrays
from exp.data.leaks import check_leaks, facts
from exp.data.validation import with_validation
from exp.errors import UserError
from tests.support.root import ROOT

PHOTOGRAPHS = ROOT.parent / "shared" / "data" / "cats_vs_dogs"


def random_set(**splits):
    """A data set of 8 numbers an example; each split is a list of seeds, and equal seeds are equal examples."""
    made = {
        name: (np.stack([np.random.default_rng(seed).normal(size=8) for seed in seeds]), np.zeros(len(seeds), np.int32))
        for name, seeds in splits.items()
    }
    return arrays(**made)


def found(dataset, tmp_path, on_leak="warn"):
    return check_leaks(dataset, on_leak, cache=tmp_path / "cache")


def test_examples_in_two_splits_are_counted_and_named(tf, tmp_path):
    leaks = found(random_set(train=[1, 2, 3, 4], validation=[5, 2], test=[6, 3, 5, 1]), tmp_path)
    assert facts(leaks) == {"train/validation": {"same": 1}, "train/test": {"same": 2}, "validation/test": {"same": 1}}
    dataset = random_set(train=[1, 2, 3, 4], test=[6, 3, 5, 1])
    (leak,) = found(dataset, tmp_path)
    assert leak.pairs.tolist() == [[2, 1], [0, 3]]
    assert leak.sentence(dataset) == (
        "data.on_leak: 2 of 4 test examples are in the train split, and the model has seen them in training: "
        "test example 1 (train example 2), test example 3 (train example 0)"
    )


def test_none_is_found_where_there_is_none(tf, tmp_path):
    dataset = random_set(train=[1, 2, 2, 3], test=[4, 5])
    assert found(dataset, tmp_path) == []
    assert found(dataset, tmp_path, "stop") == []


def test_they_can_stop_a_run_or_be_ignored(tf, tmp_path):
    dataset = random_set(train=[1, 2], test=[2, 3])
    with pytest.raises(UserError, match=r"1 of 2 test examples are in the train.*\ndata.on_leak=stop: remove them"):
        found(dataset, tmp_path, "stop")
    assert found(dataset, tmp_path, "ignore") == []


def test_what_is_set_apart_is_compared_with_what_stays(tf, tmp_path):
    dataset = with_validation(random_set(train=[1, 2] * 10, test=[3]), 0.5, split_seed=0)
    (leak,) = found(dataset, tmp_path)
    assert (leak.splits, len(leak.pairs)) == (("train", "validation"), 10)


def test_the_digits_have_none(tf, tmp_path):
    from exp.data.mnist import load

    digits = load(source="bundled", dir=None)
    assert found(with_validation(digits, 0.1, split_seed=0), tmp_path) == []


@pytest.fixture
def photographs(tmp_path) -> Path:
    """Four photographs of each class to train on, and four others to test with."""
    if not PHOTOGRAPHS.is_dir():
        pytest.skip("the photographs of ../shared are not here")
    for split in ("train", "valid"):
        for name in ("cats", "dogs"):
            place = tmp_path / "photographs" / split / name
            place.mkdir(parents=True)
            for path in sorted((PHOTOGRAPHS / split / name).iterdir())[:4]:
                shutil.copy(path, place)
    return tmp_path / "photographs"


def photo_set(folder, tmp_path):
    from exp.data.image_folder import load

    asked = {"classes": None, "image_size": 32, "on_bad": "stop", "max_pixels": 50_000_000, "cache": "none"}
    return load(dir=str(folder), cache_dir=str(tmp_path / "cache"), **asked)


def test_a_photograph_is_known_again(tf, tmp_path, photographs):
    """The same file, half as large, encoded anew as another format, mirrored, or brighter."""
    from PIL import Image, ImageEnhance

    assert found(photo_set(photographs, tmp_path), tmp_path) == []
    known = sorted((photographs / "train" / "cats").iterdir())[0]
    place = photographs / "valid" / "cats"
    shutil.copy(known, place / "z_same.jpg")
    with Image.open(known) as opened:
        picture = opened.convert("RGB")
        picture.resize((picture.width // 2, picture.height // 2)).save(place / "z_half.jpg", quality=50)
        picture.save(place / "z_other.png")
        picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(place / "z_mirror.jpg")
        ImageEnhance.Brightness(picture).enhance(1.2).save(place / "z_bright.webp")
        Image.new("RGB", (50, 50), (9, 9, 9)).save(place / "z_black.png")
        Image.new("RGB", (50, 50), (9, 9, 9)).save(photographs / "train" / "cats" / "z_black_too.jpg")
    dataset = photo_set(photographs, tmp_path)
    same, alike = found(dataset, tmp_path)
    assert facts([same, alike]) == {"train/test": {"same": 1, "alike": 4}}
    names = dataset.test.contents().names
    assert {Path(names[index]).name for index in alike.pairs[:, 1]} == {
        "z_half.jpg",
        "z_other.png",
        "z_mirror.jpg",
        "z_bright.webp",
    }
    assert "look like pictures of the train split" in alike.sentence(dataset)
    assert str(known) in alike.sentence(dataset)
    again = found(dataset, tmp_path)  # from what was kept
    assert [leak.pairs.tolist() for leak in again] == [same.pairs.tolist(), alike.pairs.tolist()]


@pytest.mark.parametrize("content", [b"", b"[[0]]", b"[[99, 0]]", b"not json", b"{}"])
def test_what_was_kept_may_be_damaged(tf, tmp_path, photographs, content):
    dataset = photo_set(photographs, tmp_path)
    contents = dataset.train.contents()
    doubled = replace(dataset, test=replace(dataset.test, contents=lambda: contents))
    first = found(doubled, tmp_path)
    for path in (tmp_path / "cache" / "alike").iterdir():
        path.write_bytes(content)
    assert [leak.pairs.tolist() for leak in found(doubled, tmp_path)] == [leak.pairs.tolist() for leak in first]
