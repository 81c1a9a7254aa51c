"""What runs the jobs of a sweep, as the sweep sees it: processes of this machine (`here`), or Slurm (`slurm`)."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from exp.sweep.before import Before
from exp.sweep.plan import Job
from exp.system.signals import StopRequest


class AtWork(Protocol):
    """A job that was started and has not ended."""

    @property
    def job(self) -> Job:
        """Which."""

    @property
    def before(self) -> Before:
        """What lay in its folder when it was started, or handed over."""

    @property
    def seconds(self) -> float:
        """That it has run."""

    @property
    def pending(self) -> str | None:
        """Why it is not running yet; None if it is."""

    @property
    def stopped(self) -> bool:
        """Whether it was asked to stop."""

    @property
    def slurm_job(self) -> str | None:
        """Its number in Slurm."""

    @property
    def log(self) -> Path | None:
        """Where to look, if `run.log` does not tell."""


class JobPool(Protocol):
    """Runs jobs, some side by side."""

    @property
    def running(self) -> Sequence[AtWork]:
        """Those that were started and have not ended."""

    def run(
        self,
        jobs: Sequence[Job],
        *,
        on_start: Callable[[AtWork], None],
        on_wait: Callable[[Job], None],
        on_poll: Callable[[], None],
        on_end: Callable[[AtWork, str | None], None],
    ) -> None:
        """Run all jobs, and tell what happens.

        Args:
            jobs: in the order in which they start.
            on_start: a job is about to start, or has a number in Slurm.
            on_wait: nothing can start, because a process of an earlier sweep still holds this job's folder.
            on_poll: some time has passed.
            on_end: a job has ended; with an error in one line where it could not note one itself.
        """


class Engine(Protocol):
    """Makes pools."""

    status: str
    """In the ledger, of a job that was started."""

    def shares(self, jobs: int) -> tuple[int, int]:
        """For so many jobs, how many there are side by side, and how many threads each has."""

    def check(self) -> None:
        """Find out what would keep every job from starting.

        Raises:
            UserError: something does.
        """

    def pool(self, *, n_jobs: int, stop: StopRequest, before: Mapping[str, Before]) -> JobPool:
        """A pool.

        Args:
            n_jobs: jobs side by side.
            stop: once it is set, no other job starts, and the pool comes to its end.
            before: what lay in jobs' folders when they were last started, by name.
        """

    def announce(self, *, n_jobs: int, threads: int) -> str:
        """How the jobs will be run, for the person."""

    def left(self, running: Sequence[AtWork]) -> list[str]:
        """Lines about jobs that go on without the sweep's command."""
