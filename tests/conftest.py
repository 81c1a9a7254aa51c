"""Shared fixtures. TensorFlow gets two logical CPUs in this process; whole runs get processes of their own."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import gzip
import signal
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from tests.support.jobs import Jobs
from tests.support.tried import Tried

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background; programs would begin with it
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def tf():
    """TensorFlow, with two logical CPUs: what one process needs to have two replicas."""
    import tensorflow

    cpu = tensorflow.config.list_physical_devices("CPU")[0]
    tensorflow.config.set_logical_device_configuration(cpu, [tensorflow.config.LogicalDeviceConfiguration()] * 2)
    return tensorflow


@pytest.fixture(scope="session")
def jobs() -> Iterator[Jobs]:
    """Runs whole command lines, each in a fresh process with TensorFlow already imported."""
    with Jobs(ROOT) as pool:
        yield pool


@pytest.fixture(scope="session")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    """Tries command lines, as far as a run or a sweep would begin; a tenth of a second each."""
    process = Tried(ROOT, tmp_path_factory.mktemp("lines"))
    yield process
    process.close()


@pytest.fixture(scope="session")
def small_mnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of IDX files: MNIST's first 4,000 training and 1,003 test pictures (which few batch sizes divide)."""
    return cut_mnist(tmp_path_factory.mktemp("small_mnist"), train=4000, test=1003)


@pytest.fixture(scope="session")
def quick_mnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of IDX files: all training pictures of MNIST, and the first 1,003 test pictures."""
    return cut_mnist(tmp_path_factory.mktemp("quick_mnist"), train=60_000, test=1003)


def cut_mnist(folder: Path, *, train: int, test: int) -> Path:
    """The first pictures of MNIST as IDX files in a folder; returns the folder."""
    bundled = resources.files("exp.data") / "mnist_idx"
    for part, size in (("train", train), ("t10k", test)):
        for kind, header, item in (("images-idx3", 16, 784), ("labels-idx1", 8, 1)):
            name = f"{part}-{kind}-ubyte"
            content = gzip.decompress((bundled / f"{name}.gz").read_bytes())
            cut = content[:4] + size.to_bytes(4, "big") + content[8:header] + content[header : header + size * item]
            (folder / name).write_bytes(cut)
    return folder
