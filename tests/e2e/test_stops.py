"""A signal at any moment of a run: it ends soon, with the right status, and goes on as if nothing had happened."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.support.jobs import losses, results
from tests.support.mnist_files import cut_mnist
from tests.support.sweeping import wait_for

SECONDS = 30
"""In which a run has to end, on a machine with much else to do."""


def stopped(process, number: int) -> int:
    """Send a signal, and wait for the exit status."""
    os.kill(process.pid, number)
    return process.wait(SECONDS)


@pytest.mark.parametrize(
    ("options", "begun"),
    [
        (["data.source=synthetic", "data.image_size=16"], lambda cache: any(cache.glob(".drawn-*/new/train/*/*.jpg"))),
        (
            ["data.source=synthetic", "data.image_size=200", "data.cache=disk"],
            lambda cache: any(cache.glob("decoded/.*/new")),
        ),
    ],
    ids=["drawing", "decoding"],
)
def test_a_signal_while_pictures_are_made(jobs, tmp_path, options, begun):
    """Nothing was trained, nothing is left over, and the run can go on."""
    cache = tmp_path / "cache"
    options = [*options, "data=cats_vs_dogs", f"data.cache_dir={cache}", "train.steps=2"]
    process = jobs.start_alone([*options, "data.batch_size=2", "hydra.run.dir=run"], tmp_path)
    wait_for(lambda: begun(cache))
    assert stopped(process, signal.SIGINT) == 130
    said = (tmp_path / "output.txt").read_text()
    assert "stopped by a signal before anything was trained" in said
    assert "run.py resume=run" in said
    assert "Traceback" not in said
    assert results(tmp_path / "run")["status"] == "interrupted"
    assert not (tmp_path / "run" / "checkpoints").exists()
    assert not list(cache.rglob(".*"))
    resumed = jobs.run("resume=run", cwd=tmp_path).check()
    assert "begins anew" in resumed.output
    assert results(tmp_path / "run")["status"] == "completed"


@pytest.fixture(scope="module")
def slow_test(tmp_path_factory) -> list[str]:
    """Trained in no time, tested in a second: a picture a call."""
    folder = cut_mnist(tmp_path_factory.mktemp("mnist"), train=100, test=400)
    return [
        *("exec=eager", "data.source=idx", f"data.dir={folder}", "data.batch_size=1", "summary.every=1"),
        *("train.steps=20", "checkpoint.every=10"),
    ]


@pytest.fixture(scope="module")
def whole(jobs, slow_test, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    jobs.run(*slow_test, "checkpoint.best=test/accuracy", "hydra.run.dir=run", cwd=folder).check()
    return folder / "run"


def test_a_signal_in_the_closing_test(jobs, slow_test, whole, tmp_path):
    """Resumed, the run only tests; and so it does when it is stopped once more."""
    process = jobs.start_alone([*slow_test, "hydra.run.dir=run"], tmp_path)
    wait_for((tmp_path / "run" / "checkpoints" / "ckpt-20.json").exists)
    assert stopped(process, signal.SIGTERM) == 143
    said = (tmp_path / "output.txt").read_text()
    assert "stopped by a signal in the test; the test of step 20 is done when the run goes on" in said
    process = jobs.start_alone(["resume=run"], tmp_path)
    wait_for(lambda: "restored" in (tmp_path / "run" / "run.log").read_text().rpartition("stopped by")[2])
    assert stopped(process, signal.SIGTERM) == 143
    done = results(tmp_path / "run")
    assert (done["status"], done["step"], done["test"]["accuracy"]) == ("interrupted", 20, None)
    assert done["checkpoint"] == "run/checkpoints/ckpt-20"
    jobs.run("resume=run", cwd=tmp_path).check()
    done = results(tmp_path / "run")
    assert (done["status"], done["weights_sha256"]) == ("completed", results(whole)["weights_sha256"])
    assert done["test"] == results(whole)["test"]
    assert losses(tmp_path / "run") == losses(whole)


def test_a_signal_in_the_test_of_a_checkpoint(jobs, slow_test, whole, tmp_path):
    """Whether it falls into the first test, the second or between them: what is missing is made up for."""
    process = jobs.start_alone([*slow_test, "checkpoint.best=test/accuracy", "hydra.run.dir=run"], tmp_path)
    log = tmp_path / "run" / "run.log"
    wait_for(lambda: log.exists() and "training begins" in log.read_text())
    time.sleep(1.0)
    assert stopped(process, signal.SIGTERM) == 143
    jobs.run("resume=run", cwd=tmp_path).check()
    assert results(tmp_path / "run")["test"] == results(whole)["test"]
    assert losses(tmp_path / "run") == losses(whole)
    for step in (10, 20):
        here, there = (run / "checkpoints" / f"ckpt-{step}.json" for run in (tmp_path / "run", whole))
        assert json.loads(here.read_text())["metrics"] == json.loads(there.read_text())["metrics"]


def test_a_signal_in_a_test_of_its_own(jobs, whole, tmp_path):
    process = jobs.start_alone(["mode=test", f"run={whole}", "hydra.run.dir=test"], tmp_path)
    log = tmp_path / "test" / "run.log"
    wait_for(lambda: log.exists() and "restored" in log.read_text())
    assert stopped(process, signal.SIGTERM) == 143
    assert results(tmp_path / "test")["status"] == "interrupted"
    assert "the same command, in another folder" in (tmp_path / "output.txt").read_text()
