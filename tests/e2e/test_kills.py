"""Kills at every moment that matters, and at moments that chance chooses. Minutes: `make test-all`."""

import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.jobs import losses, results

pytestmark = pytest.mark.slow
STEPS = 40
CALLS = {"rename": range(1, 40), "unlink": range(1, 20), "rmdir": range(1, 8)}
"""System calls with which a save changes the folder, and how many of them to try; a run has fewer."""


@pytest.fixture(scope="module")
def options(small_mnist: Path) -> list[str]:
    return [
        *("data.source=idx", f"data.dir={small_mnist}", f"train.steps={STEPS}", "data.limit=1000"),
        *("checkpoint.every=10", "checkpoint.max_to_keep=3", "summary.every=1"),
    ]


@pytest.fixture(scope="module")
def whole(jobs, options, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    jobs.run(*options, "hydra.run.dir=run", cwd=folder).check()
    return folder / "run"


def resumed_is_whole(jobs, folder: Path, whole: Path, options: list[str]) -> None:
    """Go on with a killed run, or begin it again where it says that there is nothing to go on from."""
    done = jobs.run("resume=run", cwd=folder)
    if done.status == 2:
        expected = ("start that run anew", "is not the folder of a run", "there is no such folder")
        assert any(text in done.errors for text in expected)
        assert not list((folder / "run" / "checkpoints").glob("ckpt-*.json"))
        shutil.rmtree(folder / "run", ignore_errors=True)
        done = jobs.run(*options, "hydra.run.dir=run", cwd=folder)
    done.check()
    assert results(folder / "run")["weights_sha256"] == results(whole)["weights_sha256"]
    assert losses(folder / "run") == losses(whole)


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("call", CALLS)
def test_a_kill_at_any_change_of_the_folder(jobs, options, whole, tmp_path, call):
    """At the N-th rename, unlink or rmdir of a thread, for every N that there is."""
    killed = 0
    for number in CALLS[call]:
        folder = tmp_path / str(number)
        folder.mkdir()
        process = jobs.start_alone([*options, "hydra.run.dir=run"], folder, wait_for=folder / "go")
        inject = f"inject={call}:signal=SIGKILL:when={number}"
        command = ["strace", "-f", "-q", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject, "-p", str(process.pid)]
        tracer = subprocess.Popen(command)
        time.sleep(0.5)  # strace has attached to every thread
        (folder / "go").touch()
        status = process.wait()
        tracer.wait()
        if status == 0:
            break
        assert status == -signal.SIGKILL
        killed += 1
        resumed_is_whole(jobs, folder, whole, options)
    assert killed >= 3, "the calls of a save were not met"
    assert killed < len(CALLS[call]), "there may be more calls than were tried"


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("execution", ["function", "session"])
def test_a_kill_at_a_random_moment(jobs, options, whole, tmp_path, execution):
    """10 moments each, from the first line of the log on; training is slowed down to a second and a half."""
    chance = random.Random(execution)
    slow = [*options, f"exec={execution}", "exec.steps_per_call=1", "checkpoint.every=3", "device.threads=1"]
    started = time.monotonic()
    jobs.run(*slow, "hydra.run.dir=run", cwd=tmp_path).check()
    length = time.monotonic() - started
    for number in range(10):
        folder = tmp_path / str(number)
        folder.mkdir()
        process = jobs.start_alone([*slow, "hydra.run.dir=run"], folder)
        time.sleep(chance.uniform(0.2, 1.0) * length)
        process.kill()
        process.wait()
        if (folder / "run" / "results.json").exists():
            continue  # it was quicker
        resumed_is_whole(jobs, folder, tmp_path / "run", slow)
