"""Submits jobs to Slurm, watches them, and takes over those that an earlier command submitted."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from exp.errors import UserError
from exp.run_folder import names
from exp.run_folder.read import is_completed
from exp.sweep import heartbeat
from exp.sweep.plan import Job
from exp.sweep.slurm import client as commands
from exp.sweep.slurm.client import SlurmError, State
from exp.sweep.slurm.exit_reasons import last_words, log_beside, meaning
from exp.sweep.snapshot import Snapshot, snapshot
from exp.system.signals import StopRequest

TICK_SECONDS = 0.2
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 2.0, 15.0
"""Pauses between two questions to Slurm; they grow, because many users ask a cluster."""
SECONDS_FOR_FILES = 60.0
"""Seconds until a network file system shows here what a node has written."""


class Scripts(Protocol):
    """What the queue needs to know of the batch scripts of jobs; `SlurmBackend` is one."""

    def script(self, job: Job) -> Path:
        """The path of a job's batch script."""

    def write(self, job: Job) -> Path:
        """Write a job's batch script and return its path."""

    def log(self, number: str) -> Path:
        """The path of Slurm's log of a job, by its number."""


@dataclass
class SlurmJob:
    """A job that was submitted to Slurm."""

    job: Job
    slurm_job: str
    before: Snapshot
    """What lay in the job's folder when it was submitted."""
    log: Path | None = None
    state: State = field(default_factory=lambda: State("PENDING", "", 0.0, ""))
    gone: float | None = None
    """`time.monotonic()` at which Slurm was first found not to list the job as active any more."""
    stopped: bool = False
    looked: float = field(default_factory=time.monotonic)
    """`time.monotonic()` at which Slurm was last asked about the job."""

    @property
    def pending(self) -> str | None:
        """Why the job is not running yet; None if it is."""
        return self.state.reason if self.state.name != "RUNNING" else None

    @property
    def seconds(self) -> float:
        """Seconds that the job's last stretch has run."""
        return self.state.ran + (time.monotonic() - self.looked if self.state.name == "RUNNING" else 0.0)


class SlurmQueue:
    """Submits jobs to Slurm, `n_jobs` at once, and waits for them."""

    def __init__(
        self,
        scripts: Scripts,
        *,
        n_jobs: int,
        stop: StopRequest,
        before: Mapping[str, Snapshot],
        time_limit: int | None,
    ) -> None:
        """Submit nothing yet.

        Args:
            scripts: writes the batch scripts.
            n_jobs: number of jobs that Slurm is given at once.
            stop: once it is set, the jobs are left to Slurm.
            before: what lay in each job's folder when it was last submitted, by the job's name.
            time_limit: minutes that a job may take; named in the message about a job that took longer.
        """
        self._scripts, self._n_jobs, self._stop, self._before = scripts, n_jobs, stop, before
        self._time_limit = time_limit
        self._full_until = 0.0
        self.running: list[SlurmJob] = []

    def run(
        self,
        jobs: Sequence[Job],
        *,
        on_start: Callable[[SlurmJob], None],
        on_wait: Callable[[Job], None],
        on_poll: Callable[[], None],
        on_end: Callable[[SlurmJob, str | None], None],
    ) -> None:
        """Run all jobs, and tell what happens: see `exp.sweep.backend.JobPool`."""
        del on_wait  # whose folder is held waits itself
        waiting = self._take_over(jobs)
        begun = asked = time.monotonic()
        while (self.running or waiting) and self._stop.signal is None:
            while self._has_room() and waiting and self._stop.signal is None:
                if self._submit(waiting[0], on_start, on_end):
                    waiting.pop(0)
            time.sleep(TICK_SECONDS)
            now = time.monotonic()
            if now - asked >= min(FIRST_PAUSE_SECONDS + (now - begun) / 60, LONGEST_PAUSE_SECONDS):
                self._look()
                asked = time.monotonic()
            on_poll()
            for one in [one for one in self.running if self._has_ended(one)]:
                self.running.remove(one)
                self._full_until = 0.0
                on_end(one, self._error_of(one))
                heartbeat.clear(one.job.folder)

    def _take_over(self, jobs: Sequence[Job]) -> list[Job]:
        """Find the jobs that Slurm has from an earlier command; returns the others.

        Raises:
            UserError: Slurm does not answer, so that jobs could be started twice.
        """
        try:
            known = commands.states()
        except SlurmError as error:
            raise UserError(f"hydra/launcher=slurm: Slurm does not say which jobs it has ({error})") from error
        there = {state.script: (number, state) for number, state in known.items() if state.active}
        others = []
        for job in jobs:
            number, state = there.get(str(self._scripts.script(job)), (None, None))
            if number is None or state is None:
                others.append(job)
            else:
                self.running.append(SlurmJob(job, number, self._before.get(job.name, Snapshot()), state=state))
        return others

    def _has_room(self) -> bool:
        return len(self.running) < self._n_jobs and time.monotonic() >= self._full_until

    def _submit(
        self, job: Job, on_start: Callable[[SlurmJob], None], on_end: Callable[[SlurmJob, str | None], None]
    ) -> bool:
        """Submit a job; False if it must wait because Slurm takes no more now (users have limits)."""
        one = SlurmJob(job, "", snapshot(job.folder))
        try:
            one.slurm_job = commands.submit(self._scripts.write(job))
        except SlurmError as error:
            if self.running:
                self._full_until = time.monotonic() + LONGEST_PAUSE_SECONDS
                return False
            on_start(one)
            on_end(one, f"Slurm refuses it: {error}")
            return True
        on_start(one)
        heartbeat.clear(job.folder)
        self.running.append(one)
        return True

    def _look(self) -> None:
        """Ask Slurm about all jobs; their states stay as they were if it does not answer."""
        try:
            known = commands.states()
        except SlurmError:
            return
        for one in self.running:
            state = known.get(one.slurm_job)
            if state is not None:
                one.state, one.looked = state, time.monotonic()
            if state is not None and state.active:
                one.gone = None
            elif one.gone is None:
                one.gone = time.monotonic()

    def _has_ended(self, one: SlurmJob) -> bool:
        if one.gone is None:
            return False
        late = time.monotonic() - one.gone > SECONDS_FOR_FILES
        ending = commands.ending(one.slurm_job) if not is_completed(one.job.folder) and not late else None
        return ending is None or ending.state != "COMPLETED"

    def _error_of(self, one: SlurmJob) -> str | None:
        """Explain a job's end in a line; None if its folder explains it."""
        if is_completed(one.job.folder):
            return None
        one.log = log_beside(one.job.folder, self._scripts.log(one.slurm_job), since=one.before)
        mistake = heartbeat.read_report(one.job.folder).error
        if mistake:
            return " ".join(line.strip() for line in mistake.splitlines()[:2])
        ending = commands.ending(one.slurm_job)
        one.stopped = ending is not None and ending.state == "CANCELLED"
        log = one.log or one.job.folder / names.LOG
        words = last_words(log) if ending is not None and ending.state == "FAILED" else None
        return f"{meaning(ending, self._time_limit)} (Slurm job {one.slurm_job}){f': {words}' if words else ''}"
