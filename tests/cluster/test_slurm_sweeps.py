"""Sweeps on a real Slurm: the results of this machine, whatever becomes of a job or of the sweep's command."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.jobs import losses, results
from tests.support.sweeping import ledger, start, start_real, statuses, sweep, wait_for

SLURM = "hydra/launcher=slurm"
SLOW = [
    *("model._target_=tests.support.models.leisurely", "trusted_targets=[tests.]", "~model.hidden", "exec=eager"),
    *("seed=1,2", "train.steps=200", "checkpoint.every=50", "summary.every=1", "hydra.sweep.dir=s"),
]
FRAGILE = [
    *("model._target_=tests.support.models.fragile", "trusted_targets=[tests.]", "~model.hidden", "train.steps=200"),
    *("+model.number=0,1,3", "+model.raises=1", "+model.dies=3", "+model.misshapen=9", "checkpoint.every=20"),
]


def ask(cluster: dict[str, str], *command: str) -> str:
    done = subprocess.run(command, env={**os.environ, **cluster}, capture_output=True, text=True, check=True)
    return done.stdout


def in_slurm(cluster: dict[str, str]) -> list[str]:
    """The numbers of all jobs that have not ended."""
    return sorted(ask(cluster, "squeue", "--noheader", "--format=%i").split(), key=int)


def has_checkpoint(folder: Path) -> bool:
    return any(folder.glob("checkpoints/ckpt-*.json"))


def assert_the_same(folder: Path, here: Path) -> None:
    assert set(statuses(folder).values()) == {"completed"}
    for name, job in ledger(here).items():
        assert ledger(folder)[name]["result"] == job["result"]
        assert losses(folder / name) == losses(here / name)


@pytest.fixture(scope="module")
def slow_here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the slow sweep, as this machine does it without pauses."""
    folder = tmp_path_factory.mktemp("here")
    done = sweep(*SLOW, "device.threads=1", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "s"


def test_six_jobs_are_those_of_this_machine(tmp_path, cluster):
    """The same weights with as many threads; a table, `compare`, and nothing to do when the command is given again."""
    command = ["data.buffer_size=1,1000,10000", "exec=function,session", "train.steps=40", "summary.every=1"]
    here = sweep(*command, "hydra.launcher.n_jobs=2", "hydra.sweep.dir=here", cwd=tmp_path)
    assert here.returncode == 0, here.stdout + here.stderr
    done = sweep(SLURM, *command, "hydra.sweep.dir=s", cwd=tmp_path, **cluster)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "6 jobs; Slurm runs them, 6 at most at once, device.threads=1" in done.stdout
    assert "6 of 6 jobs completed" in done.stdout
    assert_the_same(tmp_path / "s", tmp_path / "here")
    jobs = ledger(tmp_path / "s")
    assert len({job["slurm_job"] for job in jobs.values()}) == 6
    assert "JobState=COMPLETED" in ask(cluster, "scontrol", "show", "job", next(iter(jobs.values()))["slurm_job"])
    manifest = json.loads((tmp_path / "s" / next(iter(jobs)) / "manifest.json").read_text())
    assert manifest["command"][1:3] == [str(Path(manifest["command"][1])), "-m"]
    assert manifest["devices"]["threads"] == 1
    again = sweep(SLURM, *command, "hydra.sweep.dir=s", cwd=tmp_path, **cluster)
    assert (again.returncode, "6 of 6 jobs completed (6 of them before)" in again.stdout) == (0, True)
    assert ledger(tmp_path / "s") == jobs


def test_a_command_that_is_killed_or_left_finds_its_jobs_again_and_a_requeued_job_goes_on(tmp_path, cluster, slow_here):
    slow = {**cluster, "EXP_TEST_PAUSE": "0.1"}
    folder = tmp_path / "s"
    killed = start(SLURM, *SLOW, cwd=tmp_path, **slow)
    wait_for(lambda: has_checkpoint(folder / "seed-1"), 90)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    numbers = in_slurm(cluster)
    assert numbers == sorted((job["slurm_job"] for job in ledger(folder).values()), key=int)
    assert set(statuses(folder).values()) == {"submitted"}

    requeued = ledger(folder)["seed-1"]["slurm_job"]
    ask(cluster, "scontrol", "requeue", requeued)
    left = start_real(SLURM, *SLOW, cwd=tmp_path, **slow)
    assert left.stdout is not None
    assert any("0/2 jobs done" in line for line in left.stdout)  # it watches
    assert in_slurm(cluster) == numbers
    os.killpg(left.pid, signal.SIGINT)
    output, errors = left.communicate(timeout=30)
    assert (left.returncode, errors) == (130, "")
    assert f"cancel:      scancel {' '.join(numbers)}" in output
    assert "Slurm goes on with 2 jobs" in output
    assert "hydra.sweep.dir=s" in output
    assert in_slurm(cluster) == numbers

    again = sweep(SLURM, *SLOW, cwd=tmp_path, **slow)
    assert again.returncode == 0, again.stdout + again.stderr
    assert in_slurm(cluster) == []
    assert {job["attempts"] for job in ledger(folder).values()} == {1}
    assert "Restarts=1" in ask(cluster, "scontrol", "show", "job", requeued)
    log = (folder / "seed-1" / "run.log").read_text()
    assert "stopped by a signal after step" in log
    assert "restored s/seed-1/checkpoints/ckpt-" in log
    assert_the_same(folder, slow_here)


def test_a_job_saves_ahead_of_its_time_limit_and_goes_on_by_itself(tmp_path, cluster, slow_here):
    """Slurm's shortest limit is a minute; it sends the signal up to a minute early, so that it comes within 30 s."""
    options = ["hydra.launcher.time=1", "hydra.launcher.signal_seconds=30"]
    done = sweep(SLURM, *SLOW, *options, cwd=tmp_path, **cluster, EXP_TEST_PAUSE="0.16")
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = ledger(tmp_path / "s")
    restarts = [ask(cluster, "scontrol", "show", "job", job["slurm_job"]) for job in jobs.values()]
    assert all(int(re.search(r"Restarts=(\d+)", text)[1]) >= 1 for text in restarts)
    assert {job["attempts"] for job in jobs.values()} == {1}
    assert_the_same(tmp_path / "s", slow_here)


def test_what_fails_is_named_and_runs_again_when_it_is_asked_for(tmp_path, cluster):
    command = [SLURM, *FRAGILE, "hydra.sweep.dir=s"]
    done = sweep(*command, cwd=tmp_path, **cluster)
    assert (done.returncode, done.stderr) == (1, "")
    assert "1 of 3 jobs completed" in done.stdout
    model = re.escape("model._target_=tests.support.models.fragile")
    why = rf"{model}: RuntimeError: the network is out of order \(models\.py, line \d+"
    assert re.search(rf"failed number-1: {why}, in fragile\); log: s/number-1/run\.log", done.stdout), done.stdout
    number = ledger(tmp_path / "s")["number-3"]["slurm_job"]
    assert f"failed number-3: killed by SIGKILL, perhaps because memory ran out (Slurm job {number})" in done.stdout
    (tmp_path / "mended").touch()
    again = sweep(*command, cwd=tmp_path, **cluster)
    assert again.returncode == 0, again.stdout + again.stderr
    jobs = ledger(tmp_path / "s")
    assert {name: job["attempts"] for name, job in jobs.items()} == {"number-0": 1, "number-1": 2, "number-3": 2}
    assert len({job["result"]["weights_sha256"] for job in jobs.values()}) == 1


def test_a_cancelled_job_is_named_and_goes_on_when_it_is_asked_for(tmp_path, cluster, slow_here):
    """Running or pending: one at a time here. A cancelled run has saved a checkpoint."""
    slow = {**cluster, "EXP_TEST_PAUSE": "0.05"}
    options = [SLURM, *SLOW, "+hydra.launcher.sbatch.exclusive=true"]
    process = start(*options, cwd=tmp_path, **slow)
    folder = tmp_path / "s"
    wait_for(lambda: has_checkpoint(folder / "seed-1"), 90)
    numbers = [ledger(folder)[name]["slurm_job"] for name in ("seed-1", "seed-2")]
    ask(cluster, "scancel", *numbers)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (1, "")
    assert "0 of 2 jobs completed" in output
    for name, number in zip(("seed-1", "seed-2"), numbers, strict=True):
        assert f"interrupted {name}: cancelled in Slurm (Slurm job {number}); log: s/" in output
    step = results(folder / "seed-1")["step"]
    assert 0 < step < 200
    again = sweep(*options, cwd=tmp_path, **cluster)
    assert again.returncode == 0, again.stdout + again.stderr
    assert f"restored s/seed-1/checkpoints/ckpt-{step}" in (folder / "seed-1" / "run.log").read_text()
    assert_the_same(folder, slow_here)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["partition=nope"],
            "hydra.launcher.partition=nope hydra.launcher.time=60 hydra.launcher.cpus=1: Slurm refuses",
        ),
        (["cpus=999"], "hydra.launcher.time=60 hydra.launcher.cpus=999: Slurm refuses such a job ("),
        (["memory_gb=999999"], "hydra.launcher.memory_gb=999999: Slurm refuses such a job ("),
    ],
)
def test_what_slurm_refuses_ends_the_command_before_anything_starts(tmp_path, cluster, options, message):
    given = [f"hydra.launcher.{option}" for option in options]
    done = sweep(SLURM, "seed=1,2", *given, "hydra.sweep.dir=s", cwd=tmp_path, **cluster)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "s").exists()
    assert in_slurm(cluster) == []
