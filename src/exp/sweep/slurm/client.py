"""Calls Slurm's commands (`sbatch`, `squeue`, `scontrol`, `sacct`) and turns what they print into plain values."""

import contextlib
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_ACTIVE = """
PENDING RUNNING SUSPENDED COMPLETING CONFIGURING REQUEUED REQUEUE_FED REQUEUE_HOLD RESIZING SIGNALING STAGE_OUT STOPPED
SPECIAL_EXIT RESV_DEL_HOLD
"""
ACTIVE = frozenset(_ACTIVE.split())
"""The states of a job that has not ended; all other states are final."""
SECONDS_TO_ANSWER = 60.0


class SlurmError(Exception):
    """A command of Slurm's failed; the message is its own, on one line."""


@dataclass(frozen=True)
class State:
    """The state of a job, as `squeue` prints it."""

    name: str
    """`PENDING`, `RUNNING`, `COMPLETED`, `TIMEOUT`, ..."""
    reason: str
    """Why the job is pending, in Slurm's words."""
    ran: float
    """Seconds that the last stretch of the job has run, by Slurm's clock: this machine's clock may differ."""
    script: str
    """The path of the batch script, which identifies a job better than its number does."""

    @property
    def active(self) -> bool:
        """Whether the job has not ended."""
        return self.name in ACTIVE


@dataclass(frozen=True)
class Ending:
    """How a job ended."""

    state: str
    status: int = 0
    """Exit status of the batch script."""
    signal: int = 0
    """Number of the signal that ended the job; 0 if none did."""


def submit(script: Path, *, test_only: bool = False) -> str:
    """Submit a batch script to Slurm and return the job's number; with `test_only` Slurm only checks the script.

    Raises:
        SlurmError: Slurm refuses.
    """
    said = _run(["sbatch", "--test-only" if test_only else "--parsable", str(script)])
    return said.partition(";")[0].strip()


def states() -> dict[str, State]:
    """The states of all jobs of this user that Slurm still knows, by the job's number.

    Raises:
        SlurmError: Slurm does not answer.
    """
    form = "%i|%T|%M|%r|%o"
    said = _run(["squeue", "--noheader", "--states=all", f"--user={os.getuid()}", f"--format={form}"])
    found = {}
    for line in said.splitlines():
        number, name, ran, reason, script = line.split("|", 4)
        found[number] = State(name, "" if reason == "None" else reason, _seconds(ran), script)
    return found


def ending(number: str) -> Ending | None:
    """How a job ended; None if Slurm does not know, or no longer does."""
    with contextlib.suppress(SlurmError):
        said = _run(["scontrol", "show", "job", number])
        state = re.search(r"JobState=(\w+)", said)
        code = re.search(r"\bExitCode=(\d+):(\d+)", said)
        if state and code:
            return Ending(state[1], int(code[1]), int(code[2]))
    with contextlib.suppress(SlurmError, ValueError, IndexError):  # where the cluster keeps accounts
        words = _run(["sacct", "-n", "-X", "-P", "-j", number, "-o", "State,ExitCode"]).splitlines()[0].split("|")
        status, _, signal = words[1].partition(":")
        return Ending(words[0].split()[0], int(status), int(signal))
    return None


def requeue(number: str) -> None:
    """Make Slurm end a job now and start it again later.

    Raises:
        SlurmError: Slurm refuses.
    """
    _run(["scontrol", "requeue", number])


def _run(command: Sequence[str]) -> str:
    try:
        # In a session of its own: a Ctrl-C at the terminal is for the sweep.
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=SECONDS_TO_ANSWER, start_new_session=True
        )
    except OSError as error:
        raise SlurmError(f"{command[0]}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise SlurmError(f"{command[0]}: no answer in {SECONDS_TO_ANSWER:g} seconds") from error
    if done.returncode:
        raise SlurmError(_plain(done.stderr) or f"{command[0]} ended with status {done.returncode}")
    return done.stdout


def _plain(errors: str) -> str:
    """Put messages such as `sbatch: error: Batch job submission failed: Invalid ...` on one line without prefixes."""
    lines = [re.sub(r"^(\w+: )?(error: )?(Batch job submission failed: )?", "", line) for line in errors.splitlines()]
    return "; ".join(dict.fromkeys(line.strip() for line in lines if line.strip()))


def _seconds(text: str) -> float:
    """The seconds of a duration such as `3:05`, `1:00:00` or `2-00:00:00`; 0 if the text is no duration."""
    found = re.fullmatch(r"(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+)", text.strip())
    if found is None:
        return 0.0
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
