"""The server that jobs are forked from: it holds all that a job needs, and none is left behind."""

import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tests.support.sweeping import start_real

JOB = """
import sys
COMMAND_LINE = ("hydra", "omegaconf", "antlr4", "pydantic", "__autograph_generated")
import exp.sweep.local.preload_data, exp.sweep.local.preload, exp.system.job_server
from exp.cli.main import main
from exp.data.mnist import _bundled
before = set(sys.modules)
reads = _bundled.cache_info().misses
status = main()
new = [name for name in set(sys.modules) - before if not name.startswith(COMMAND_LINE)]
print("NEW", sorted(new), _bundled.cache_info().misses - reads)
sys.exit(status)
"""


@pytest.mark.parametrize("options", [[], ["model=cnn", "exec=session"], ["exec=eager"], ["exec=fit"]])
def test_a_job_imports_and_reads_nothing_more(tmp_path, options):
    """What each job would import by itself, of those that people sweep most, the server has imported."""
    quick = ["train.steps=2", "data.limit=200", "summary.images=false", "hydra.run.dir=r"]
    command = [sys.executable, "-c", JOB, *options, *quick]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    told = next(line for line in done.stdout.splitlines() if line.startswith("NEW"))
    assert told == "NEW [] 0"


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["data.batch_size=10,0"], "data.batch_size=0"),
        (["seed=1,2", "hydra.launcher.n_jobs=1", "data.on_leak=never,stop"], "data.on_leak=never"),
    ],
)
def test_a_mistake_in_a_job_leaves_no_server(tmp_path, overrides, said):
    """It would import TensorFlow for nobody, and keep open what its sweep printed to."""
    mark = str(uuid.uuid4())
    sweep = start_real(*overrides, "hydra.sweep.dir=s", cwd=tmp_path, EXP_TEST_MARK=mark)
    _, errors = sweep.communicate(timeout=60)
    assert sweep.returncode == 2
    assert said in errors
    assert _processes(mark) == []


def test_an_environment_for_another_backend_is_refused_before_any_job(tmp_path):
    sweep = start_real("seed=1,2", "hydra.sweep.dir=s", cwd=tmp_path, KERAS_BACKEND="jax")
    output, errors = sweep.communicate(timeout=60)
    assert (sweep.returncode, output) == (2, "")
    assert errors == "KERAS_BACKEND=jax: exp runs on TensorFlow; unset the variable\n"
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_that_is_done_leaves_no_server(tmp_path):
    quick = ["seed=1,2", "train.steps=2", "data.limit=200", "summary.images=false", "hydra.sweep.dir=s"]
    for _ in range(2):
        mark = str(uuid.uuid4())
        sweep = start_real(*quick, cwd=tmp_path, EXP_TEST_MARK=mark)
        output, errors = sweep.communicate(timeout=120)
        assert sweep.returncode == 0, errors
    assert "2 done before" in output
    assert _processes(mark) == []


def _processes(mark: str) -> list[str]:
    """The command lines of the processes that have this mark in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found
