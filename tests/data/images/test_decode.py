"""From files to pixels: every format, in the order asked for, the same from every cache."""

import numpy as np
import pytest

from exp.data.images import cache
from exp.data.images.decode import file_part
from exp.data.images.verify import check
from exp.errors import UserError
from tests.support import odd
from tests.support.parts import read


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return odd.write(tmp_path_factory.mktemp("good"), odd.GOOD)


@pytest.fixture(scope="module")
def part(tf, paths, tmp_path_factory):
    """All the odd files, at their own width and a square size."""
    verdicts = check(paths, kept_in=tmp_path_factory.mktemp("kept") / "v.json", max_pixels=10**6)
    labels = np.arange(len(paths), dtype=np.int32)
    return file_part(paths, labels, odd=[verdict.odd for verdict in verdicts], image_size=60)


def test_every_format_shows_the_picture(tf, part, paths):
    """All files hold one picture, in colour or grey: what is decoded must look like it."""
    pictures, labels = read(part, np.arange(part.size))
    assert pictures.shape == (part.size, 60, 60, 3)
    assert pictures.dtype == np.uint8
    assert labels.tolist() == list(range(part.size))
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


def test_the_order_is_the_one_asked_for_on_any_number_of_threads(tf, part):
    indices = np.random.default_rng(0).permutation(part.size)[:12].reshape(3, 4)
    one, labels = read(part, indices, threads=1)
    assert one.shape == (3, 4, 60, 60, 3)
    np.testing.assert_array_equal(labels, indices)
    many, labels = read(part, indices, threads=8)
    np.testing.assert_array_equal(labels, indices)
    np.testing.assert_array_equal(one, many)


def test_an_index_of_minus_one_only_fills_up(tf, part):
    _, labels = read(part, [[2, -1], [-1, 0]])
    assert labels.tolist() == [[2, -1], [-1, 0]]


def test_caches_hold_the_same_pictures(tf, part, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "CHUNK", 4)
    indices = np.random.default_rng(1).permutation(part.size).reshape(3, 7)
    expected, _ = read(part, indices)
    memory = cache.in_memory(part, shape=(60, 60, 3))
    disk = cache.on_disk(part, path=tmp_path / "decoded" / "x.npy", shape=(60, 60, 3))
    for kept in (memory, disk):
        pictures, labels = read(kept, indices)
        np.testing.assert_array_equal(pictures, expected)
        np.testing.assert_array_equal(labels, indices)
        assert read(kept, [[1, -1]])[1].tolist() == [[1, -1]]


def test_the_cache_on_disk_is_made_once(tf, part, tmp_path, monkeypatch):
    path = tmp_path / "x.npy"
    cache.on_disk(part, path=path, shape=(60, 60, 3))
    monkeypatch.setattr(cache, "_fill", None)
    cache.on_disk(part, path=path, shape=(60, 60, 3))
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.npy"]


def test_a_cache_that_does_not_fit_into_memory_is_refused(part, monkeypatch):
    monkeypatch.setattr(cache, "_free_memory", lambda: 1000)
    with pytest.raises(UserError, match=r"data\.cache=memory: 21 pictures need .* GB are free; take data\.cache=disk"):
        cache.in_memory(part, shape=(60, 60, 3))


def test_a_cache_that_cannot_be_written_is_refused(tf, part, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot be written .* name another place with data\.cache_dir"):
        cache.on_disk(part, path=tmp_path / "file" / "x.npy", shape=(60, 60, 3))
