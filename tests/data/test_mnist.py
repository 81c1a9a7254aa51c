"""MNIST from each of its sources, and what is said about broken files."""

import gzip
import shutil
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from exp.data import Spec, mnist
from exp.data.dataset import fingerprint_of
from exp.errors import UserError
from tests.support.splits import read


@pytest.fixture(scope="module")
def bundled():
    return mnist.load(source="bundled", dir=None)


@pytest.fixture
def folder(small_mnist: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_mnist, tmp_path / "idx"))


def content(part):
    return read(part, np.arange(part.size))


def test_bundled_is_the_full_set(tf, bundled):
    assert (bundled.train.size, bundled.test.size) == (60_000, 10_000)
    assert bundled.features == Spec((28, 28, 1), "uint8")
    assert bundled.class_names == tuple("0123456789")
    pictures, labels = content(bundled.train)
    assert pictures.shape == (60_000, 28, 28, 1)
    assert pictures.dtype == np.uint8
    assert np.bincount(labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]


def test_what_is_known_of_the_bundled_set_is_true(tf, bundled):
    """It is not computed anew for each run: a tenth of a second."""
    splits = [mnist.bundled_arrays("train"), mnist.bundled_arrays("test")]
    assert bundled.fingerprint == fingerprint_of(*splits[0], *splits[1])
    pictures = [picture.tobytes() for arrays in splits for picture in arrays[0]]
    assert len(set(pictures)) == len(pictures) == 70_000
    numbers = [split.contents().digests for split in (bundled.train, bundled.test)]
    assert len(np.unique(np.concatenate(numbers))) == 70_000
    assert [len(of_split) for of_split in numbers] == [60_000, 10_000]


def test_an_index_of_minus_one_only_fills_up(tf, bundled):
    _, labels = read(bundled.train, [[3, -1], [-1, 0]])
    assert (labels[0, 0], labels[1, 1]) == (1, 5)


def test_idx_reads_plain_and_gzipped_files(tf, folder, small_mnist):
    plain = mnist.load(source="idx", dir=str(folder))
    for path in folder.iterdir():
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    zipped = mnist.load(source="idx", dir=str(folder))
    assert plain.fingerprint == zipped.fingerprint
    assert (plain.train.size, plain.test.size) == (4000, 1003)


def test_a_changed_pixel_changes_the_fingerprint(folder):
    before = mnist.load(source="idx", dir=str(folder)).fingerprint
    path = folder / "t10k-images-idx3-ubyte"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert mnist.load(source="idx", dir=str(folder)).fingerprint != before


def test_counts_without_reading_pictures(small_mnist):
    assert mnist.count(source="bundled", dir=None) == 60_000
    assert mnist.count(source="idx", dir=str(small_mnist)) == 4000
    assert mnist.count(source="tfds", dir=None) is None


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "has neither train-images-idx3-ubyte.gz nor train-images-idx3-ubyte"),
        (lambda path: path.write_bytes(b""), "is not an IDX file"),
        (lambda path: path.write_bytes(b"a text, by mistake"), "is not an IDX file"),
        (lambda path: path.write_bytes(path.read_bytes()[:-5]), "should hold"),
        (lambda path: path.rename(path.with_name(f"{path.name}.gz")), "cannot be read"),
    ],
)
def test_broken_files_are_named(folder, damage, message):
    damage(folder / "train-images-idx3-ubyte")
    with pytest.raises(UserError, match=message) as error:
        mnist.load(source="idx", dir=str(folder))
    assert "train-images-idx3-ubyte" in str(error.value)


def test_pictures_and_labels_must_be_as_many(folder):
    shutil.copy(folder / "t10k-labels-idx1-ubyte", folder / "train-labels-idx1-ubyte")
    with pytest.raises(UserError, match=r"4000 pictures.* 1003 labels"):
        mnist.load(source="idx", dir=str(folder))


def test_a_damaged_bundle_is_refused(monkeypatch, folder):
    monkeypatch.setattr(mnist.resources, "files", lambda _: folder.parent)
    mnist._bundled.cache_clear()
    folder.rename(folder.parent / "mnist_idx")
    with pytest.raises(UserError, match="is not the file that exp ships"):
        mnist.load(source="bundled", dir=None)


@pytest.mark.parametrize(("source", "dir"), [("idx", None), ("idx", "/nowhere"), ("bundled", "/tmp")])
def test_a_folder_that_does_not_fit_the_source_is_refused(source, dir):
    with pytest.raises(UserError, match=rf"^data.dir={dir}: "):
        mnist.load(source=source, dir=dir)


@pytest.fixture(scope="module")
def tfds_folder(tf, tmp_path_factory) -> Path:
    """The real `mnist` builder, prepared from the bundled files instead of a download."""
    import tensorflow_datasets as tfds

    bundle = resources.files("exp.data") / "mnist_idx"
    originals = tmp_path_factory.mktemp("originals")
    for path in bundle.iterdir():
        if path.name.endswith(".gz"):
            (originals / path.name.removesuffix(".gz")).write_bytes(gzip.decompress(path.read_bytes()))

    def local(self, urls):
        return {key: originals / Path(url).name.removesuffix(".gz") for key, url in urls.items()}

    folder = tmp_path_factory.mktemp("tfds")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tfds.download.DownloadManager, "download_and_extract", local)
        tfds.builder("mnist", data_dir=folder).download_and_prepare()
    return folder


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tfds_gives_the_same_pictures_in_its_own_order(tf, tfds_folder, bundled):
    theirs = mnist.load(source="tfds", dir=str(tfds_folder))
    assert (theirs.train.size, theirs.test.size) == (60_000, 10_000)
    assert theirs.features == bundled.features
    for ours, other in ((bundled.train, theirs.train), (bundled.test, theirs.test)):
        rows = []
        for part in (ours, other):
            pictures, labels = content(part)
            rows.append(
                sorted(bytes([label]) + picture.tobytes() for picture, label in zip(pictures, labels, strict=True))
            )
        assert rows[0] == rows[1]


def test_tfds_without_data_or_network_names_the_ways_out(tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    def no_network(*args, **kwargs):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(tfds.download.DownloadManager, "download_and_extract", no_network)
    with pytest.raises(UserError, match=r"no route to host.*data\.dir, or take data\.source=bundled"):
        mnist.load(source="tfds", dir=str(tmp_path))
