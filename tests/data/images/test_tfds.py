"""The real `cats_vs_dogs` of TensorFlow Datasets, prepared from a small archive instead of a download."""

import socket
import zipfile
from pathlib import Path

import numpy as np
import pytest

from exp.data import cats_vs_dogs
from exp.data.images import tfds
from exp.errors import UserError
from tests.support.odd import encoded
from tests.support.splits import read

EACH = 24
CORRUPT = 1738
"""How many files without a JFIF header the builder insists on."""

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def data_dir(tf, tmp_path_factory) -> Path:
    import tensorflow_datasets as tfds

    from exp.data.images.synthetic import draw

    folder = tmp_path_factory.mktemp("tfds")
    archive = folder / "pets.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for kind in ("Cat", "Dog"):
            for number in range(EACH):
                picture = draw(f"{kind.lower()}s", np.random.default_rng(number)).resize((40, 30))
                file.writestr(f"PetImages/{kind}/{number}.jpg", encoded(picture, "JPEG"))
        for number in range(CORRUPT):
            file.writestr(f"PetImages/Cat/{EACH + number}.jpg", b"no picture")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tfds.download.DownloadManager, "download", lambda self, url: archive)
        tfds.builder("cats_vs_dogs", data_dir=folder / "data").download_and_prepare()
    return folder / "data"


def load(data_dir: Path, cache_dir: Path):
    return cats_vs_dogs.load(
        **{"source": "tfds", "dir": str(data_dir), "classes": None, "image_size": 16, "on_bad": "stop"},
        **{"max_pixels": 10**6, "cache": "none", "cache_dir": str(cache_dir)},
    )


def test_the_split_is_a_tenth_of_each_class_and_reproducible(tf, data_dir, tmp_path):
    splits = load(data_dir, tmp_path / "one")
    assert splits.class_names == ("cat", "dog")
    assert splits.source == "tfds"
    assert np.bincount(splits.train.targets).tolist() == [22, 22]
    assert np.bincount(splits.test.targets).tolist() == [2, 2]
    assert read(splits.test, [0, 3])[0].shape == (2, 16, 16, 3)
    assert load(data_dir, tmp_path / "two").fingerprint == splits.fingerprint
    names = sorted(path.relative_to(tmp_path / "one").parts[1:] for path in (tmp_path / "one").rglob("valid/*/*"))
    assert names == [("valid", kind, name) for kind, name in VALID]


VALID = (("cat", "13.jpg"), ("cat", "3.jpg"), ("dog", "6.jpg"), ("dog", "9.jpg"))
"""Held fixed: a comparison over months depends on the split."""


def test_unpacking_happens_once(tf, data_dir, tmp_path, monkeypatch):
    first = load(data_dir, tmp_path)
    monkeypatch.setattr(tfds, "_write", None)
    assert load(data_dir, tmp_path).fingerprint == first.fingerprint


def test_without_data_and_network_one_message_names_both_ways_out(tmp_path, monkeypatch):
    def no_network(*args, **kwargs):
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr(socket, "create_connection", no_network)
    monkeypatch.setattr(tfds, "getproxies", dict)
    with pytest.raises(UserError) as error:
        load(tmp_path / "nothing", tmp_path)
    assert str(error.value) == (
        "data.source=tfds: cats_vs_dogs is not prepared, and download.microsoft.com cannot be reached (Name or service "
        "not known); give a folder of pictures with data.dir=FOLDER, or have some drawn with data.source=synthetic"
    )


def test_what_tfds_itself_fails_at_names_the_ways_out_too(tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    def refused(self, url):
        raise ConnectionError("the server closed the connection\nmore lines")

    monkeypatch.setattr(socket, "create_connection", lambda *args, **kwargs: socket.socket())
    monkeypatch.setattr(tfds.download.DownloadManager, "download", refused)
    with pytest.raises(
        UserError, match=r"cannot give cats_vs_dogs \(the server closed the connection\); give a folder"
    ):
        load(tmp_path / "nothing", tmp_path)
