"""What a real Slurm is hard to bring to: refusing some jobs, not answering, forgetting. Its commands are stood in for.

`tests/cluster` has the real one.
"""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from exp.errors import UserError
from exp.sweep.slurm import client as commands
from exp.sweep.slurm.client import Ending, SlurmError
from exp.sweep.slurm.exit_reasons import last_words, log_beside, meaning
from exp.sweep.slurm.job import _gets_nowhere
from exp.sweep.slurm.queue import SlurmQueue
from exp.sweep.snapshot import Snapshot, snapshot
from exp.system.signals import StopRequest


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Puts a shell script in the place of a command; all others are missing. `$DIR` is the folder of the test."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("DIR", str(tmp_path))

    def put(name: str, script: str) -> None:
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)

    for name in ("sbatch", "squeue", "scontrol", "sacct"):
        put(name, "echo 'error: Unable to contact slurm controller' >&2; exit 1")
    return put


class Scripts:
    """Of jobs, in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def script(self, job) -> Path:
        return self._folder / f"{job.name}.sh"

    def write(self, job) -> Path:
        return self.script(job)

    def log(self, number: str) -> Path:
        return self._folder / f"{number}.err"


def job(folder: Path, name: str):
    return SimpleNamespace(name=name, folder=folder / name)


def run(folder: Path, *names: str, n_jobs: int = 9) -> list[str]:
    """What happens with jobs, in order."""
    told: list[str] = []
    with StopRequest() as stop:
        pool = SlurmQueue(Scripts(folder), n_jobs=n_jobs, stop=stop, before={}, time_limit=None)
        pool.run(
            [job(folder, name) for name in names],
            on_start=lambda one: told.append(f"start {one.job.name}"),
            on_wait=lambda _: None,
            on_poll=lambda: None,
            on_end=lambda one, error: told.append(f"end {one.job.name}: {error}"),
        )
    return told


def complete(folder: Path) -> None:
    folder.mkdir()
    (folder / "results.json").write_text('{"status": "completed"}')


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("exp.sweep.slurm.queue.FIRST_PAUSE_SECONDS", 0.1)


def test_where_slurm_takes_no_more_the_others_wait(tmp_path, stand_in):
    """A limit of jobs a person may have there: the second goes in when the first is done."""
    complete(tmp_path / "a")
    complete(tmp_path / "b")
    stand_in(
        "sbatch",
        'test -e $DIR/in && { echo "sbatch: error: QOSMaxSubmitJobPerUserLimit" >&2; exit 1; }\n'
        "echo $2 > $DIR/in; echo 7",
    )
    stand_in(
        "squeue",
        "test -e $DIR/in || exit 0; test -e $DIR/seen && { rm $DIR/in $DIR/seen; exit 0; }\n"
        'touch $DIR/seen; echo "7|RUNNING|1:00:05|None|$(cat $DIR/in)"',
    )
    assert run(tmp_path, "a", "b") == ["start a", "end a: None", "start b", "end b: None"]


def test_a_job_that_slurm_refuses_does_not_keep_others_from_running(tmp_path, stand_in):
    complete(tmp_path / "b")
    stand_in("squeue", "exit 0")
    stand_in(
        "sbatch", 'case $2 in */a.sh) echo "sbatch: error: Batch job submission failed: No" >&2; exit 1;; esac; echo 8'
    )
    assert run(tmp_path, "a", "b") == ["start a", "end a: Slurm refuses it: No", "start b", "end b: None"]


def test_nothing_is_started_where_slurm_does_not_say_what_it_has(tmp_path, stand_in):
    stand_in("sbatch", "touch $DIR/submitted; echo 7")
    with pytest.raises(UserError, match=r"does not say which jobs it has \(Unable to contact slurm controller\)"):
        run(tmp_path, "a")
    assert not (tmp_path / "submitted").exists()


def test_where_slurm_is_silent_for_a_while_jobs_stay_as_they_were(tmp_path, stand_in):
    complete(tmp_path / "a")
    stand_in("sbatch", "echo 7")
    stand_in(
        "squeue",
        'echo x >> $DIR/asked; case $(wc -l < $DIR/asked) in 1) exit 0;; 2|3) echo "error: down" >&2; exit 1;;\n'
        '4) echo "7|RUNNING|1:00:05|None|x";; esac',
    )
    assert run(tmp_path, "a") == ["start a", "end a: None"]
    assert len((tmp_path / "asked").read_text().split()) == 5


def test_jobs_of_an_earlier_command_are_known_by_their_scripts(tmp_path, stand_in):
    """Not by their numbers: those of another cluster, or of a copied sweep, are somebody else's."""
    complete(tmp_path / "a")
    complete(tmp_path / "b")
    stand_in("sbatch", "echo $2 >> $DIR/submitted; echo 9")
    stand_in(
        "squeue",
        "test -e $DIR/asked && exit 0; touch $DIR/asked\n"
        'echo "7|PENDING|0:00|Priority|$DIR/a.sh"; echo "8|RUNNING|1:00:05|None|/elsewhere/b.sh"',
    )
    assert sorted(run(tmp_path, "a", "b")) == ["end a: None", "end b: None", "start b"]
    assert (tmp_path / "submitted").read_text() == f"{tmp_path}/b.sh\n"


def test_a_pipe_in_a_path_is_part_of_it(stand_in):
    stand_in("squeue", "echo '12|PENDING|0:00|(launch failed requeued held)|/a|b/c.sh'")
    [(number, state)] = commands.states().items()
    assert (number, state.active, state.script, state.ran) == ("12", True, "/a|b/c.sh", 0)
    assert state.reason == "(launch failed requeued held)"


@pytest.mark.parametrize(("ran", "seconds"), [("0:07", 7), ("3:05:00", 11100), ("2-00:00:01", 172801), ("INVALID", 0)])
def test_how_long_a_job_ran_is_known_by_slurms_clock(stand_in, ran, seconds):
    stand_in("squeue", f"echo '12|RUNNING|{ran}|None|x'")
    assert commands.states()["12"].ran == seconds


def test_the_end_of_a_job_is_also_known_from_accounts(stand_in):
    assert commands.ending("7") is None
    stand_in("sacct", "echo 'CANCELLED by 0|0:15'")
    assert commands.ending("7") == Ending("CANCELLED", 0, 15)
    stand_in("scontrol", "echo '   JobState=FAILED Reason=NonZeroExitCode'; echo 'Requeue=1 ExitCode=3:0'")
    assert commands.ending("7") == Ending("FAILED", 3, 0)


def test_a_refusal_is_one_line(tmp_path, stand_in):
    stand_in("sbatch", 'printf "sbatch: error: invalid partition: x\\nallocation failure: Invalid\\n" >&2; exit 1')
    with pytest.raises(SlurmError, match=r"^invalid partition: x; allocation failure: Invalid$"):
        commands.submit(tmp_path / "x.sh")


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        (None, "ended, and Slurm does not know how"),
        (
            Ending("TIMEOUT", 0, 15),
            "stopped at the time limit of 5 minutes, before it had saved; hydra.launcher.signal_",
        ),
        (Ending("OUT_OF_MEMORY", 0, 125), "out of memory; hydra.launcher.memory_gb gives more"),
        (Ending("NODE_FAIL"), "its node failed"),
        (Ending("FAILED", 137), "killed by SIGKILL, perhaps because memory ran out"),
        (Ending("FAILED", 0, 11), "killed by SIGSEGV"),
        (Ending("FAILED", 3), "ended with status 3"),
        (Ending("FAILED", 255), "killed by signal 127"),
        (Ending("REVOKED"), "ended in Slurm as REVOKED"),
    ],
)
def test_ends_have_words(ending, words):
    assert meaning(ending, 5).startswith(words)


def test_slurms_log_is_named_where_the_run_has_none_of_its_own(tmp_path):
    slurms = tmp_path / "7.err"
    started = Snapshot()
    assert log_beside(tmp_path, slurms, since=started) is None
    slurms.write_text("slurmstepd: error: Detected 1 oom_kill event\n")
    assert log_beside(tmp_path, slurms, since=started) == slurms
    assert last_words(slurms) == "slurmstepd: error: Detected 1 oom_kill event"
    (tmp_path / "run.log").write_text("Traceback:\n  File x\nModuleNotFoundError: No module named 'exp'\n\n  more\n")
    assert log_beside(tmp_path, slurms, since=started) is None
    assert last_words(tmp_path / "run.log") == "ModuleNotFoundError: No module named 'exp'"
    assert log_beside(tmp_path, slurms, since=snapshot(tmp_path)) == slurms


@pytest.mark.parametrize(
    ("steps", "nowhere"),
    [([5], False), ([5, 5, 5], True), ([4, 5, 5], False), ([None, None, None], True), ([0, 5, 5, 5], True)],
)
def test_a_job_that_gets_nowhere_in_three_stretches_stops_asking(tmp_path, steps, nowhere):
    """Also where no stretch gets as far as training, and so none has any results."""
    for step in steps:
        if step is not None:
            (tmp_path / "results.json").write_text(json.dumps({"status": "interrupted", "step": step}))
        last = _gets_nowhere(tmp_path / "a.stretches.json", tmp_path)
    assert last is nowhere
