"""Runs that are killed, and go on as if nothing had happened."""

import re
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.jobs import losses, results
from tests.support.sweeping import wait_for

DEVICES = {"one": ["device=all"], "two": ["device=virtual"]}
STEPS = 90
SCHEDULE = (
    "optimizer.learning_rate={_target_: keras.optimizers.schedules.ExponentialDecay, initial_learning_rate: 0.01, "
    "decay_steps: 10, decay_rate: 0.9}"
)


@pytest.fixture(scope="module")
def everything(small_mnist: Path) -> list[str]:
    """All that has a state: dropout, batch normalisation, a schedule, augmentation, shuffling, several epochs."""
    return [
        *("model._target_=tests.support.models.noisy", "trusted_targets=[tests.]", SCHEDULE),
        *("data.source=idx", f"data.dir={small_mnist}", "data.limit=2000", "data.transforms=[random_flip]"),
        *(f"train.steps={STEPS}", "checkpoint.every=20", "summary.every=1"),
    ]


WAYS = {
    "eager": (["exec=eager"], 53),
    "function, a step a call": (["exec=function", "exec.steps_per_call=1"], 69),
    "function": (["exec=function"], 53),
    "session": (["exec=session"], 67),
    "fit": (["exec=fit"], 53),
}
"""How a run trains, and the step in whose call it dies."""
WITH_TWO = ("function", "fit")
"""These ways on two replicas too, our loop and Keras's; the others when there is time."""


@pytest.mark.parametrize(
    ("way", "devices"),
    [
        pytest.param(way, devices, marks=[pytest.mark.slow] if devices == "two" and way not in WITH_TWO else [])
        for devices in DEVICES
        for way in WAYS
    ],
)
def test_a_killed_run_goes_on_to_the_same_end(jobs, everything, way, devices, tmp_path):
    """In the middle of an epoch (40 steps), with everything that has a state: bit for bit."""
    execution, die_at = WAYS[way]
    options = [*everything, *DEVICES[devices], *execution]
    whole = jobs.start([*options, "hydra.run.dir=whole"], tmp_path)
    killed = jobs.start_alone([*options, "hydra.run.dir=killed"], tmp_path, die_at=die_at)
    assert killed.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed" / "results.json").exists()
    whole.result().check()
    resumed = jobs.run("resume=killed", "trusted_targets=[tests.]", cwd=tmp_path).check()
    assert "restored killed/checkpoints/ckpt-" in resumed.output
    assert "not as it was" not in resumed.output
    assert resumed.errors == ""
    assert results(tmp_path / "killed")["weights_sha256"] == results(tmp_path / "whole")["weights_sha256"]
    assert losses(tmp_path / "killed") == losses(tmp_path / "whole")
    assert len(losses(tmp_path / "killed")) == STEPS


def endless(jobs, folder: Path, small_mnist: Path, where: str):
    """A run that would go on for long, once it has saved two checkpoints."""
    options = ["data.source=idx", f"data.dir={small_mnist}", "train.steps=1000000", "checkpoint.every=50"]
    process = jobs.start_alone([*options, f"hydra.run.dir={where}"], folder)
    while len(list((folder / where / "checkpoints").glob("ckpt-*.json"))) < 2:
        assert process.poll() is None
        time.sleep(0.01)
    return process


def ended_well(jobs, process, folder: Path, where: str, cause: str) -> None:
    """Exit status 1, one line with the cause and the last good checkpoint, and that one can be tested."""
    assert process.wait(60) == 1
    (line,) = [line for line in (folder / "output.txt").read_text().splitlines() if line.startswith("the run failed: ")]
    assert cause in line
    good = line.rpartition("the last good checkpoint is ")[2]
    assert good.startswith(f"{where}/checkpoints/ckpt-")
    assert "Traceback" not in (folder / "output.txt").read_text()
    done = jobs.run("mode=test", f"run={where}", f"checkpoint.restore={good}", "hydra.run.dir=test", cwd=folder)
    assert f"restored {good}" in done.check().output


def test_a_limit_on_the_size_of_files(jobs, small_mnist, tmp_path):
    process = endless(jobs, tmp_path, small_mnist, "run")
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (200_000, 200_000))
    ended_well(jobs, process, tmp_path, "run", "File too large")
    assert results(tmp_path / "run")["status"] == "failed"
    assert "File too large" in results(tmp_path / "run")["error"]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def test_a_full_disk(jobs, small_mnist, tmp_path, disk):
    process = endless(jobs, tmp_path, small_mnist, "disk/run")
    with (disk / "filler").open("wb", buffering=0) as filler:
        while process.poll() is None:
            try:
                filler.write(b"0" * 65536)
            except OSError:
                time.sleep(0.01)
    (disk / "filler").unlink()
    ended_well(jobs, process, tmp_path, "disk/run", "No space left on device")


def test_a_folder_that_becomes_read_only(jobs, small_mnist, tmp_path):
    process = endless(jobs, tmp_path, small_mnist, "run")
    checkpoints = str(tmp_path / "run" / "checkpoints")
    if subprocess.run(["mount", "--bind", checkpoints, checkpoints], capture_output=True, check=False).returncode:
        process.kill()
        pytest.skip("needs the right to mount")
    try:
        # Refused while a file is open for writing, as it is during a save: until it falls between two.
        remount = ["mount", "-o", "remount,bind,ro", checkpoints]
        wait_for(lambda: subprocess.run(remount, capture_output=True, check=False).returncode == 0)
        ended_well(jobs, process, tmp_path, "run", "Read-only file system")
    finally:
        subprocess.run(["umount", "-l", checkpoints], check=True)


def test_a_run_killed_after_its_last_step_ends_as_if_it_had_not_been(jobs, everything, tmp_path):
    jobs.run(*everything, "hydra.run.dir=run", cwd=tmp_path).check()
    before = results(tmp_path / "run")
    (tmp_path / "run" / "results.json").unlink()
    manifest = tmp_path / "run" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"numpy": "', '"numpy": "0.'))
    resumed = jobs.run("resume=run", "trusted_targets=[tests.]", cwd=tmp_path).check()
    assert re.search(r"not as it was: numpy (\S+) \(was 0\.\1\): from here on last bits may differ", resumed.output)
    after = results(tmp_path / "run")
    timed = ("seconds", "examples_per_second", "time", "traces", "trace_list")  # of the process, not of the run
    assert after.pop("test_readings") == before.pop("test_readings") + 1  # the test set was read once more
    assert {key: value for key, value in after.items() if key not in timed} == {
        key: value for key, value in before.items() if key not in timed
    }


def test_a_run_killed_before_its_first_checkpoint_begins_anew(jobs, everything, tmp_path):
    options = [*everything, "checkpoint.every=1000"]
    whole = jobs.start([*options, "hydra.run.dir=whole"], tmp_path)
    killed = jobs.start_alone([*options, "hydra.run.dir=killed"], tmp_path, die_at=53)
    assert killed.wait() == -signal.SIGKILL
    whole.result().check()
    resumed = jobs.run("resume=killed", "trusted_targets=[tests.]", cwd=tmp_path).check()
    assert "killed: was stopped before its first checkpoint; begins anew" in resumed.output
    assert results(tmp_path / "killed")["weights_sha256"] == results(tmp_path / "whole")["weights_sha256"]
    assert losses(tmp_path / "killed") == losses(tmp_path / "whole")
