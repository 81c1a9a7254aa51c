"""From files to pixels: every format, in the order asked for, the same from every cache."""

import numpy as np
import pytest

from exp.data.images import cache
from exp.data.images.decode import file_split
from exp.data.images.verify import check_files
from exp.errors import UserError
from tests.support import odd
from tests.support.splits import read


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return odd.write(tmp_path_factory.mktemp("good"), odd.GOOD)


@pytest.fixture(scope="module")
def split(tf, paths, tmp_path_factory):
    """All the odd files, at their own width and a square size."""
    checks = check_files(paths, kept_in=tmp_path_factory.mktemp("kept") / "v.json", max_pixels=10**6)
    labels = np.arange(len(paths), dtype=np.int32)
    return file_split(paths, labels, odd=[check.odd for check in checks], image_size=60)


def test_every_format_shows_the_picture(tf, split, paths):
    """All files hold one picture, in colour or grey: what is decoded must look like it."""
    pictures, labels = read(split, np.arange(split.size))
    assert pictures.shape == (split.size, 60, 60, 3)
    assert pictures.dtype == np.uint8
    assert labels.tolist() == list(range(split.size))
    sources = {
        "one-bit": odd.PICTURE.convert("1"),
        "grey": odd.PICTURE.convert("L"),
        "sixteen-bit": odd.PICTURE.convert("L"),
    }
    for path, picture in zip(paths, pictures, strict=True):
        source = next((s for word, s in sources.items() if path.name.startswith(word)), odd.PICTURE)
        expected = tf.image.resize(np.asarray(source.convert("RGB")), (60, 60)).numpy()
        likeness = np.corrcoef(picture.ravel(), expected.ravel())[0, 1]
        assert likeness > 0.9, f"{path.name}: {likeness}"


def test_the_order_is_the_one_asked_for_on_any_number_of_threads(tf, split):
    indices = np.random.default_rng(0).permutation(split.size)[:12].reshape(3, 4)
    one, labels = read(split, indices, threads=1)
    assert one.shape == (3, 4, 60, 60, 3)
    np.testing.assert_array_equal(labels, indices)
    many, labels = read(split, indices, threads=8)
    np.testing.assert_array_equal(labels, indices)
    np.testing.assert_array_equal(one, many)


def test_an_index_of_minus_one_only_fills_up(tf, split):
    pictures, labels = read(split, [[2, -1], [-1, 0]])
    assert (labels[0, 0], labels[1, 1]) == (2, 0)
    assert pictures.shape == (2, 2, 60, 60, 3)


def test_caches_hold_the_same_pictures(tf, split, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "CHUNK", 4)
    indices = np.random.default_rng(1).permutation(split.size).reshape(3, 7)
    expected, _ = read(split, indices)
    memory = cache.in_memory(split, shape=(60, 60, 3))
    disk = cache.on_disk(split, path=tmp_path / "decoded" / "x.npy", shape=(60, 60, 3))
    for kept in (memory, disk):
        pictures, labels = read(kept, indices)
        np.testing.assert_array_equal(pictures, expected)
        np.testing.assert_array_equal(labels, indices)
        assert read(kept, [[1, -1]])[1][0, 0] == 1


def test_the_cache_on_disk_is_made_once(tf, split, tmp_path, monkeypatch):
    path = tmp_path / "x.npy"
    cache.on_disk(split, path=path, shape=(60, 60, 3))
    monkeypatch.setattr(cache, "_fill", None)
    cache.on_disk(split, path=path, shape=(60, 60, 3))
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.npy"]


def test_a_cache_that_does_not_fit_into_memory_is_refused(split, monkeypatch):
    monkeypatch.setattr(cache, "_free_memory", lambda: 1000)
    with pytest.raises(UserError, match=r"data\.cache=memory: 21 pictures need .* GB are free; take data\.cache=disk"):
        cache.in_memory(split, shape=(60, 60, 3))


def test_a_cache_that_cannot_be_written_is_refused(tf, split, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot be written .* name another place with data\.cache_dir"):
        cache.on_disk(split, path=tmp_path / "file" / "x.npy", shape=(60, 60, 3))
