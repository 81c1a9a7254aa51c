"""Shared fixtures. TensorFlow gets two logical CPUs in this process; whole runs get processes of their own."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.pop("COLUMNS", None)  # pytest-xdist sets it for its processes; a user's terminal does not

import gc
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.jobs import Jobs, Runs
from tests.support.mnist_files import cut_mnist
from tests.support.programs import LIGHT, PROGRAMS
from tests.support.root import ROOT
from tests.support.slow import COLLECTED, reason
from tests.support.tried import Tried

gc.disable()  # until all tests are collected: what is imported by then stays

# As in a shell's background, and under nohup; programs would begin with it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

WHOLE_PROGRAMS = ("conformance", "e2e", "guide")
"""The folders whose tests take longest; they come first, so that the short ones fill the gaps at the end."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests of `tests.support.slow`, and put those of whole programs first."""
    config.stash[COLLECTED] = [item.nodeid.removeprefix("tests/") for item in items]
    for item in items:
        why = reason(item.nodeid.removeprefix("tests/"))
        if why is not None:
            item.add_marker(pytest.mark.slow(why))
    items.sort(key=lambda item: item.path.relative_to(ROOT / "tests").parts[0] not in WHOLE_PROGRAMS)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Collect garbage from now on, but not among the modules and the tests."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Decide for pytest-xdist which tests go to the same process, unless --dist asks for something else."""
    if config.getoption("dist") != "loadfile":
        return None
    from tests.support.scheduling import ByFile

    return ByFile(config, log)


@pytest.fixture(scope="session", autouse=True)
def fork_servers() -> Iterator[None]:
    """The servers that programs are forked from end with the tests."""
    with PROGRAMS, LIGHT:
        yield


@pytest.fixture(scope="session")
def tf():
    """TensorFlow, with two logical CPUs: what one process needs to have two replicas."""
    import tensorflow

    cpu = tensorflow.config.list_physical_devices("CPU")[0]
    tensorflow.config.set_logical_device_configuration(cpu, [tensorflow.config.LogicalDeviceConfiguration()] * 2)
    gc.freeze()  # Keras collects garbage for each model that is made; it need not look at the libraries each time
    return tensorflow


@pytest.fixture(scope="session")
def jobs() -> Iterator[Jobs]:
    """Runs whole command lines, each in a process of its own with TensorFlow already imported."""
    with Jobs(PROGRAMS) as pool:
        yield pool


@pytest.fixture(scope="module")
def runs(jobs: Jobs, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Runs that several tests of a file look at."""
    return Runs(jobs, tmp_path_factory.mktemp("runs"))


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
