"""Jobs in processes of their own, some side by side: started, watched, stopped. One's death harms no other.

Where the system can fork, a server imports TensorFlow once, and every job is a fork of it (0.1 s instead of
seconds); elsewhere, as on Windows, each process imports TensorFlow itself.
"""

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any, cast

from exp.lock import is_locked
from exp.signals import StopRequest
from exp.sweep import report
from exp.sweep.child import Start, work
from exp.sweep.plan import Job

GRACE_SECONDS = 60.0
"""That a job has for its last checkpoint, once it is asked to stop."""
ORPHAN_SECONDS = 120.0
"""How long to wait for a process of an earlier sweep that still holds a job's folder."""
POLL_SECONDS = 0.1


@dataclass
class Running:
    """A job that has a process."""

    job: Job
    process: Any
    launched: float
    """`time.time()`."""
    asked_to_stop: float | None = None
    timed_out: bool = False
    pending: None = None
    slurm_job: None = None
    log: None = None

    @property
    def seconds(self) -> float:
        """Since it was started."""
        return time.time() - self.launched

    @property
    def stopped(self) -> bool:
        """Whether it was asked to stop."""
        return self.asked_to_stop is not None


class Pool:
    """Runs jobs, `n_jobs` side by side."""

    def __init__(self, *, n_jobs: int, timeout: float | None, stop: StopRequest) -> None:
        """Nothing starts yet.

        Args:
            n_jobs: how many side by side.
            timeout: seconds after which a job is asked to stop.
            stop: once it is set, running jobs are asked to stop, and no other starts.
        """
        self._n_jobs, self._timeout, self._stop = n_jobs, timeout, stop
        self._context = cast(Any, multiprocessing.get_context(start_method()))
        if start_method() == "forkserver":
            from multiprocessing import forkserver

            self._context.set_forkserver_preload(["exp.sweep.preload"])
            with _interrupts_ignored():
                forkserver.ensure_running()
            ready = self._context.Process(target=int)
            ready.start()  # once the server has imported everything
            ready.join()
        self.running: list[Running] = []

    def run(
        self,
        jobs: Sequence[Job],
        *,
        on_start: Callable[[Running], None],
        on_wait: Callable[[Job], None],
        on_poll: Callable[[], None],
        on_end: Callable[[Running, str | None], None],
    ) -> None:
        """Run all jobs, and tell what happens.

        Args:
            jobs: in the order in which they start.
            on_start: a job is about to start.
            on_wait: nothing can start, because a process of an earlier sweep still holds this job's folder.
            on_poll: some time has passed.
            on_end: a job's process has ended; with an error in one line where it could not note one itself.
        """
        waiting, since, told = list(jobs), time.monotonic(), False
        while self.running or (waiting and self._stop.signal is None):
            room = len(self.running) < self._n_jobs
            free = [job for job in waiting if not is_locked(job.folder / ".lock")] if room else []
            if not free and not self.running and time.monotonic() - since > ORPHAN_SECONDS:
                free = list(waiting)  # they will say themselves what is wrong
            while free and len(self.running) < self._n_jobs and self._stop.signal is None:
                job, since = free.pop(0), time.monotonic()
                waiting.remove(job)
                self._start(job, on_start)
            if not self.running and not told and waiting:
                told = True
                on_wait(waiting[0])
            wait([running.process.sentinel for running in self.running], POLL_SECONDS)
            if not self.running:
                time.sleep(POLL_SECONDS)
            self._ask_to_stop()
            on_poll()
            for running in [one for one in self.running if not one.process.is_alive()]:
                self.running.remove(running)
                on_end(running, self._error_of(running))
                report.clear(running.job.folder)

    def _start(self, job: Job, on_start: Callable[[Running], None]) -> None:
        launched = time.time()
        process = self._context.Process(target=work, args=(Start(job.composed, job.folder, launched),))
        running = Running(job, process, launched)
        on_start(running)
        report.clear(job.folder)
        process.start()
        self.running.append(running)

    def _ask_to_stop(self) -> None:
        for running in self.running:
            late = self._timeout is not None and running.seconds > self._timeout
            if running.asked_to_stop is None and (self._stop.signal is not None or late):
                running.asked_to_stop, running.timed_out = time.monotonic(), self._stop.signal is None
                running.process.terminate()
            elif running.asked_to_stop is not None and time.monotonic() - running.asked_to_stop > GRACE_SECONDS:
                running.process.kill()

    def _error_of(self, running: Running) -> str | None:
        """What a job's end means where its folder does not say it."""
        status = running.process.exitcode
        if running.timed_out:
            return f"stopped after hydra.launcher.timeout={self._timeout:g} seconds"
        mistake = report.read_report(running.job.folder).error
        if status == 2 and mistake:
            return " ".join(line.strip() for line in mistake.splitlines()[:2])
        if status == -signal.SIGTERM and running.asked_to_stop is not None:
            return None  # it had not begun to train
        if status < 0:
            name = signal.Signals(-status).name
            return f"killed by {name}{', perhaps because memory ran out' if name == 'SIGKILL' else ''}"
        stopped = status in (128 + signal.SIGINT, 128 + signal.SIGTERM)
        return None if status == 0 or stopped else f"ended with status {status}; its log tells why"


def start_method() -> str:
    """How processes come to be here."""
    return "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """What is started now does not hear a Ctrl-C at the terminal: that one is for the sweep."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
