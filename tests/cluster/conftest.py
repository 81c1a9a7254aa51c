"""A real Slurm for all tests here; they fail where it cannot be started, and say what is missing."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.root import ROOT
from tests.support.slurm import ENVIRONMENT, missing, slurm

PLUGINS = Path(sys.prefix) / "plugins"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder are of the kind `cluster`."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("cluster")


@pytest.fixture(scope="session")
def cluster() -> Iterator[dict[str, str]]:
    """What a command's environment must have to find it, and submitit."""
    problem = missing()
    assert problem is None, problem
    with slurm() as variables:
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")]), str(PLUGINS)])
        yield {**variables, "PATH": ENVIRONMENT["PATH"], "PYTHONPATH": path}
