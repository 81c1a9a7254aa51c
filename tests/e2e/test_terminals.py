"""Runs and sweeps whose terminal goes away: what is shown is lost, the run is not."""

import os
import pty
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.jobs import losses, results
from tests.support.programs import PROGRAMS, Program
from tests.support.root import ROOT
from tests.support.sweeping import ledger, statuses, wait_for

ENDLESS = ["train.steps=1000000", "checkpoint.every=200", "hydra.run.dir=run"]


def begin(arguments: list[str], cwd: Path, **streams: int) -> Program:
    return PROGRAMS.start("run.py", *arguments, cwd=cwd, new_session=True, **streams)


def has_saved(folder: Path) -> bool:
    return any((folder / "checkpoints").glob("ckpt-*.json"))


def test_ctrl_c_that_ends_tee_too(tmp_path):
    """The reader is gone before the run has its last words: status 130, a checkpoint, results.json."""
    read, write = os.pipe()
    process = begin(ENDLESS, tmp_path, stdout=write, stderr=write)
    tee = subprocess.Popen(["tee", "log"], stdin=read, stdout=subprocess.DEVNULL, cwd=tmp_path)
    os.close(read)
    os.close(write)
    wait_for(lambda: has_saved(tmp_path / "run"))
    tee.send_signal(signal.SIGINT)
    tee.wait()
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    done = results(tmp_path / "run")
    assert done["status"] == "interrupted"
    assert (tmp_path / f"{done['checkpoint']}.json").exists()
    assert "Traceback" not in (tmp_path / "run" / "run.log").read_text()


def test_a_reader_that_wants_one_line_only(tmp_path):
    """As in `python run.py ... | head -1`: trained to its end."""
    read, write = os.pipe()
    process = begin(["train.steps=200", "summary.every=1", "hydra.run.dir=run"], tmp_path, stdout=write)
    os.close(write)
    assert os.read(read, 1)
    os.close(read)
    assert process.wait(120) == 0
    assert results(tmp_path / "run")["status"] == "completed"
    assert len(losses(tmp_path / "run")) == 200


def test_a_full_device(tmp_path):
    with Path("/dev/full").open("wb") as full:
        process = begin(["train.steps=20", "hydra.run.dir=run"], tmp_path, stdout=full.fileno())
        _, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    assert results(tmp_path / "run")["status"] == "completed"


@pytest.mark.parametrize("kind", ["terminal", "pipe"])
def test_a_sweep_goes_on_without_its_terminal(tmp_path, kind):
    here, there = pty.openpty() if kind == "terminal" else os.pipe()
    arguments = ["-m", "seed=1,2,3", "train.steps=40", "hydra.sweep.dir=s", "hydra.launcher.n_jobs=1"]
    process = begin(arguments, tmp_path, stdout=there, stderr=there)
    os.close(there)
    wait_for(lambda: (tmp_path / "s" / "sweep.json").exists() and "running" in statuses(tmp_path / "s").values())
    os.close(here)
    assert process.wait(120) == 0
    assert set(statuses(tmp_path / "s").values()) == {"completed"}
    assert {job["attempts"] for job in ledger(tmp_path / "s").values()} == {1}


@pytest.mark.skipif(shutil.which("setsid") is None, reason="needs setsid")
def test_a_terminal_that_is_lost(tmp_path):
    """As when a connection breaks: the system sends SIGHUP, and nothing can be written any more."""
    here, there = pty.openpty()
    command = ["setsid", "--ctty", sys.executable, str(ROOT / "run.py"), *ENDLESS]
    heard = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # after `nohup make test`, the run would ignore it
    process = subprocess.Popen(command, cwd=tmp_path, stdin=there, stdout=there, stderr=there)
    signal.signal(signal.SIGHUP, heard)
    os.close(there)
    wait_for(lambda: has_saved(tmp_path / "run"))
    os.close(here)
    assert process.wait(60) == 129
    done = results(tmp_path / "run")
    assert done["status"] == "interrupted"
    assert (tmp_path / f"{done['checkpoint']}.json").exists()
