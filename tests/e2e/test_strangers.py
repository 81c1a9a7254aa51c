"""Whole programs in a run folder that somebody else has made, or that an earlier command was refused in."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.jobs import results
from tests.support.programs import PROGRAMS
from tests.support.root import ROOT
from tests.support.sweeping import statuses

OPTIONS = ("train.steps=10", "exec.jit_compile=false", "summary.every=1", "device.threads=1")
WRONG_DEVICE = ("device=subset", "device.kind=CPU", "device.indices=[99]")


@pytest.fixture(scope="module")
def original(jobs, small_mnist, tmp_path_factory) -> Path:
    """The folder in which there is a run."""
    folder = tmp_path_factory.mktemp("original")
    data = ("data.source=idx", f"data.dir={small_mnist}")
    jobs.run(*OPTIONS, *data, "hydra.run.dir=run", cwd=folder).check()
    return folder


@pytest.fixture
def folder(original, tmp_path) -> Path:
    """A copy of it."""
    shutil.copytree(original / "run", tmp_path / "run")
    return tmp_path


def program(name: str, *arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return PROGRAMS.run(name, *arguments, cwd=cwd, environment=environment, timeout=120)


def is_refused(done: subprocess.CompletedProcess[str], sentence: str) -> None:
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith(sentence)
    assert len(done.stderr.splitlines()) == 1


USES = (
    ("run.py", "resume=run"),
    ("run.py", "mode=test", "run=run"),
    ("scripts/reproduce.py", "run"),
    ("scripts/export.py", "run"),
)


@pytest.mark.parametrize("use", USES)
def test_a_secret_is_not_looked_up(folder, use):
    config = folder / "run" / ".hydra" / "config.yaml"
    config.write_text(config.read_text().replace("\nseed: 0", "\nseed: ${oc.env:SECRET}"))
    done = program(*use, cwd=folder, SECRET="hunter2")
    is_refused(done, "run/.hydra/config.yaml: seed is ${oc.env:SECRET}; a stored configuration")
    assert not [path for path in folder.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()]


@pytest.mark.parametrize("use", USES)
def test_a_stored_configuration_does_not_trust_itself(folder, use):
    config = folder / "run" / ".hydra" / "config.yaml"
    text = config.read_text().replace("exp.model.mlp.create", "os.system").replace("trusted_targets: []", "")
    config.write_text(f"{text}\ntrusted_targets: [os.]\n")
    is_refused(program(*use, cwd=folder), "model._target_=os.system: ")


@pytest.mark.parametrize("use", USES)
def test_control_characters_do_not_reach_the_terminal(folder, use):
    config = folder / "run" / ".hydra" / "config.yaml"
    config.write_text(config.read_text().replace("\nseed: 0", '\nseed: "\\e[2J"'))
    is_refused(program(*use, cwd=folder), r"seed=\x1b[2J: must be a whole number")


def test_a_log_that_is_a_link_is_not_written(folder):
    (folder / "victim").write_text("mine\n")
    (folder / "run" / "run.log").unlink()
    (folder / "run" / "run.log").symlink_to("../victim")
    is_refused(program("run.py", "resume=run", cwd=folder), "run/run.log: is a link, and links are not followed")
    assert (folder / "victim").read_text() == "mine\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("manifest.json", "[" * 200_000),
        ("manifest.json", '{"devices": {"threads": {"a": 1}}}'),
        ("results.json", "[["),
        ("metrics.jsonl", "{}\n"),
    ],
)
def test_what_is_compared_with_must_be_readable(folder, name, text):
    (folder / "run" / name).write_text(text)
    is_refused(program("scripts/reproduce.py", "run", cwd=folder), f"run/{name}: ")


def test_a_run_of_today_goes_on_and_is_tested(jobs, original, folder):
    (folder / "run" / "results.json").unlink()
    for path in (folder / "run" / "checkpoints").glob("ckpt-10.*"):
        path.unlink()
    jobs.run("resume=run", cwd=folder).check()
    assert results(folder / "run")["weights_sha256"] == results(original / "run")["weights_sha256"]
    jobs.run("mode=test", "run=run", "hydra.run.dir=test", cwd=folder).check()
    assert results(folder / "test")["test"] == results(original / "run")["test"]


def test_the_folder_of_a_refused_command_is_taken_by_the_corrected_one(jobs, tmp_path):
    refused = jobs.run(*OPTIONS, *WRONG_DEVICE, 'hydra.run.dir="z[red]y2"', cwd=tmp_path)
    assert refused.status == 2, refused.output + refused.errors
    assert not (tmp_path / "z[red]y2").exists()
    (tmp_path / "z[red]y2").mkdir()
    (tmp_path / "z[red]y2" / "run.log").touch()  # as a refused command may leave it
    done = jobs.run(*OPTIONS, 'hydra.run.dir="z[red]y2"', cwd=tmp_path).check()
    assert "z[red]y2" in done.output
    assert results(tmp_path / "z[red]y2")["status"] == "completed"
    again = jobs.run(*OPTIONS, 'hydra.run.dir="z[red]y2"', cwd=tmp_path)
    assert (again.status, again.errors) == (
        *(2, "hydra.run.dir=z[red]y2: is not empty; take another folder, or resume='\"z[red]y2\"'\n"),
    )


def test_a_folder_with_other_things_is_not_taken(jobs, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "run.log").touch()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    refused = jobs.run(*OPTIONS, "hydra.run.dir=mine", cwd=tmp_path)
    assert (refused.status, refused.errors) == (2, "hydra.run.dir=mine: is not empty; take another folder\n")


def test_the_folder_of_a_refused_sweep_is_taken_by_the_corrected_one(tmp_path):
    command = ("-m", "seed=1,2", *OPTIONS, "hydra.sweep.dir=sweep")
    refused = program("run.py", *command, *WRONG_DEVICE, cwd=tmp_path)
    assert refused.returncode == 1, refused.stdout + refused.stderr
    assert statuses(tmp_path / "sweep") == {"seed-1": "failed", "seed-2": "failed"}
    done = program("run.py", *command, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert statuses(tmp_path / "sweep") == {"seed-1": "completed", "seed-2": "completed"}
    other = program("run.py", *command, "train.epochs=2", cwd=tmp_path)
    is_refused(other, "hydra.sweep.dir=sweep: all jobs there have ")


def test_a_job_of_a_sweep_does_not_write_through_a_link(tmp_path):
    (tmp_path / "victim").write_text("mine\n")
    (tmp_path / "sweep" / "seed-1").mkdir(parents=True)
    (tmp_path / "sweep" / "seed-1" / "run.log").symlink_to("../../victim")
    done = program("run.py", "-m", "seed=1,2", *OPTIONS, "hydra.sweep.dir=sweep", cwd=tmp_path)
    is_refused(done, "sweep/seed-1/run.log: is a link, and links are not followed; move it away")
    assert (tmp_path / "victim").read_text() == "mine\n"


def test_a_place_that_cannot_be_written_is_named(jobs, tmp_path):
    (tmp_path / "file").touch()
    refused = jobs.run(*OPTIONS, "hydra.run.dir=file/run", cwd=tmp_path)
    assert (refused.status, refused.errors) == (2, "hydra.run.dir=file/run: cannot be made (Not a directory)\n")


def test_losses_of_a_resumed_run_are_read_as_what_they_may_be(folder, jobs):
    """Lines that no run writes are dropped as the end of a killed process's log is."""
    log = folder / "run" / "metrics.jsonl"
    lines = log.read_text().splitlines()[:5]
    log.write_text("\n".join([*lines, "[" * 200_000, '{"step": 1e999}', '{"step": {"a": 1}}']) + "\n")
    (folder / "run" / "results.json").unlink()
    jobs.run("resume=run", cwd=folder).check()
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()][:5] == [1, 2, 3, 4, 5]


NO_LOCKS = """
import errno, fcntl, runpy, sys
def refuse(*arguments):
    raise OSError(errno.EOPNOTSUPP, "Operation not supported")
fcntl.flock = refuse
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_a_file_system_without_locks_is_named_and_the_run_goes_on(tmp_path):
    command = [sys.executable, "-c", NO_LOCKS, str(ROOT / "run.py"), *OPTIONS, "hydra.run.dir=run"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    note = (
        "run: this file system has no locks (Operation not supported); .lock names this process, and that protects the"
    )
    assert note in done.stdout
    assert note in (tmp_path / "run" / "run.log").read_text()
    assert not (tmp_path / "run" / ".lock").exists()
