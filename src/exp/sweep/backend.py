"""The protocol of what runs the jobs of a sweep: processes of this machine (`local`), or Slurm (`slurm`)."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from exp.sweep.plan import Job
from exp.sweep.snapshot import Snapshot
from exp.system.signals import StopRequest


class RunningJob(Protocol):
    """A handle to a job that was started and has not ended."""

    @property
    def job(self) -> Job:
        """The job that this handle refers to."""

    @property
    def before(self) -> Snapshot:
        """What lay in the job's folder when it was started, or handed to Slurm."""

    @property
    def seconds(self) -> float:
        """Seconds for which the job has run."""

    @property
    def pending(self) -> str | None:
        """The reason why the job is not running yet; None if it is running."""

    @property
    def stopped(self) -> bool:
        """Whether the job was asked to stop."""

    @property
    def slurm_job(self) -> str | None:
        """The job's number in Slurm; None on this machine."""

    @property
    def log(self) -> Path | None:
        """The log to read if `run.log` does not explain how the job ended."""


class JobPool(Protocol):
    """Runs jobs, some side by side."""

    @property
    def running(self) -> Sequence[RunningJob]:
        """Handles to the jobs that were started and have not ended."""

    def run(
        self,
        jobs: Sequence[Job],
        *,
        on_start: Callable[[RunningJob], None],
        on_wait: Callable[[Job], None],
        on_poll: Callable[[], None],
        on_end: Callable[[RunningJob, str | None], None],
    ) -> None:
        """Run all jobs, and tell what happens.

        Args:
            jobs: in the order in which they start.
            on_start: a job is about to start, or has a number in Slurm.
            on_wait: nothing can start, because a process of an earlier sweep still holds this job's folder.
            on_poll: some time has passed.
            on_end: a job has ended; with an error in one line where it could not note one itself.
        """


class Backend(Protocol):
    """Decides how many jobs run side by side, and makes the pool that runs them."""

    status: str
    """The status that the ledger gives to a job that was started: `running` or `submitted`."""

    def shares(self, jobs: int) -> tuple[int, int]:
        """Returns how many of `jobs` jobs run side by side, and how many threads each of them has."""

    def check(self) -> None:
        """Refuse the sweep if something would keep every job from starting.

        Raises:
            UserError: something would.
        """

    def pool(self, *, n_jobs: int, stop: StopRequest, before: Mapping[str, Snapshot]) -> JobPool:
        """Make a pool that has started no job yet.

        Args:
            n_jobs: number of jobs that run side by side.
            stop: once it is set, no other job starts, and the pool comes to its end.
            before: what lay in each job's folder when it was last started, by the job's name.
        """

    def announce(self, *, n_jobs: int, threads: int) -> str:
        """A line that tells the person how the jobs will be run."""

    def left(self, running: Sequence[RunningJob]) -> list[str]:
        """Lines that tell the person about jobs that keep running after the sweep's command has ended."""
