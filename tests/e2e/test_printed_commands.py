"""Every command that a program prints, pasted into a shell in a folder with an awkward name, does what it says."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.jobs import results
from tests.support.programs import PROGRAMS
from tests.support.root import ROOT
from tests.support.sweeping import statuses, wait_for

AWKWARD = "it's é [1] *{b}, = ~"
"""A folder's name: what both the shell and Hydra would take for something else."""
QUICK = ["train.steps=3", "data.limit=100", "summary.every=1", "exec.jit_compile=false"]
OWN = ["model._target_=own.create", "~model.hidden", "trusted_targets=[own.]"]
MODEL = """
import os, time
from pathlib import Path

def create(*, input_shape, classes, number=0):
    import keras
    if number and not Path("mended").exists():
        raise RuntimeError("out of order")

    class Pause(keras.layers.Layer):
        def call(self, pictures, training=False):
            if training:
                time.sleep(float(os.environ.get("PAUSE", "0")))
            return pictures

    return keras.Sequential([Pause(), keras.layers.Flatten(), keras.layers.Dense(classes)])
"""


@pytest.fixture
def place(tmp_path):
    """An awkward folder with a model of one's own in another one."""
    folder = tmp_path / AWKWARD
    (folder / "my code").mkdir(parents=True)
    (folder / "my code" / "own.py").write_text(MODEL)
    return folder


def command(*arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "run.py"), *arguments]


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return PROGRAMS.run("run.py", *arguments, cwd=cwd, environment={"PYTHONPATH": "my code", **environment})


def paste(line: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """What a shell makes of a line, in which nothing has been set up."""
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(["sh", "-c", line], cwd=cwd, env=clean, capture_output=True, text=True, check=False)


def printed(output: str, what: str) -> str:
    """The command that stands after some words."""
    (line,) = re.findall(rf"^{what}: +(.+)$", output, flags=re.MULTILINE)
    return line


def logdir(output: str, cwd: Path) -> Path:
    """Where TensorBoard is told to look; it is told so by a program that exists."""
    words = shlex.split(printed(output, "look at it"))
    found = shutil.which(words[0], path=f"{cwd}:{os.environ['PATH']}") or cwd / words[0]
    assert Path(found).exists()
    assert words[-2] == "--logdir"
    return cwd / words[-1]


def test_the_commands_of_a_run_and_of_a_test(place):
    done = run(*OWN, *QUICK, f'hydra.run.dir="runs/{AWKWARD}"', cwd=place)
    assert done.returncode == 0, done.stderr
    folder = place / "runs" / AWKWARD
    assert results(folder)["status"] == "completed"
    assert logdir(done.stdout, place) == place / "runs"
    again = paste(printed(done.stdout, "test again"), place)
    assert again.returncode == 0, again.stderr
    assert "test: completed" in again.stdout

    taken = run(f'hydra.run.dir="runs/{AWKWARD}"', cwd=place)
    (resume,) = re.findall(r"take another folder, or (.+)$", taken.stderr, flags=re.MULTILINE)
    start = shlex.join(command())
    done = paste(f"PYTHONPATH='my code' {start} {resume} 'trusted_targets=[own.]'", place)
    assert "nothing is left to do" in done.stdout, done.stderr

    (folder / "results.json").unlink()
    environment = {"PYTHONPATH": "my code"}
    script = ("scripts/reproduce.py", str(folder), "--trust", "own.")
    refused = PROGRAMS.run(*script, cwd=place, environment=environment)
    (go_on,) = re.findall(r"go on with it first: (.+)$", refused.stderr, flags=re.MULTILINE)
    done = paste(go_on, place)
    assert done.returncode == 0, done.stderr
    assert results(folder)["status"] == "completed"


def test_the_command_of_an_interrupted_run(place):
    options = [
        *OWN,
        "train.steps=30",
        "data.limit=100",
        "checkpoint.every=1",
        "exec=eager",
        f'hydra.run.dir="{AWKWARD}"',
    ]
    environment = {"PYTHONPATH": "my code", "PAUSE": "0.2"}
    process = PROGRAMS.start("run.py", *options, cwd=place, environment=environment)
    folder = place / AWKWARD
    wait_for(lambda: bool(list(folder.glob("checkpoints/ckpt-*.json"))))
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 143
    assert logdir(output, place) == folder
    done = paste(printed(output, "go on"), place)
    assert done.returncode == 0, done.stderr
    assert results(folder)["step"] == 30


def test_the_commands_of_a_sweep(place):
    sweep = ["-m", *OWN, *QUICK, "+model.number=0,1", "seed=3"]
    done = run(*sweep, f'hydra.sweep.dir="sweeps/{AWKWARD}"', cwd=place)
    assert done.returncode == 1, done.stderr
    folder = place / "sweeps" / AWKWARD
    assert statuses(folder) == {"number-0": "completed", "number-1": "failed"}
    assert logdir(done.stdout, place) == folder
    compared = paste(printed(done.stdout, "compare"), place)
    assert compared.returncode == 0, compared.stderr
    (place / "mended").touch()
    again = paste(printed(done.stdout, "go on"), place)
    assert again.returncode == 0, again.stderr + again.stdout
    assert statuses(folder) == {"number-0": "completed", "number-1": "completed"}


def test_the_checkpoint_that_is_named_instead_of_a_damaged_one(place):
    done = run("train.steps=4", "data.limit=100", "checkpoint.every=2", f'hydra.run.dir="{AWKWARD}"', cwd=place)
    assert done.returncode == 0, done.stderr
    (place / AWKWARD / "checkpoints" / "ckpt-4.index").write_bytes(b"")
    refused = run("mode=test", f'run="{AWKWARD}"', "hydra.run.dir=test", cwd=place)
    (restore,) = re.findall(r"that can be tested: (.+)$", refused.stderr, flags=re.MULTILINE)
    test = shlex.join(command("mode=test", f'run="{AWKWARD}"', "hydra.run.dir=again"))
    done = paste(f"{test} {restore}", place)
    assert done.returncode == 0, done.stderr
    assert results(place / "again")["step"] == 2
