"""A pool that starts, watches and stops jobs in processes of their own; the death of one harms no other.

If the system can fork, a server imports TensorFlow once, and every job is a fork of it (0.1 s instead of
seconds); elsewhere, as on Windows, each process imports TensorFlow itself.

A signal that is sent to all processes of a sweep at once (Ctrl-C) is heard by the sweep, which stops its jobs, but not
by the server. The server can be killed, and so it is not asked whether a job has ended: each job holds one end of a
pipe for as long as it lives.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, cast

from exp.run_folder import names
from exp.sweep import heartbeat
from exp.sweep.job_process import Start, work
from exp.sweep.plan import Job
from exp.sweep.snapshot import Snapshot, snapshot
from exp.system import job_server
from exp.system.lock import is_locked
from exp.system.signals import STATUSES, StopRequest
from exp.terminal.words import counted

GRACE_SECONDS = 60.0
"""Seconds that a job is given to save its last checkpoint after it was asked to stop."""
ORPHAN_SECONDS = 120.0
"""Seconds to wait for a process of an earlier sweep that still holds a job's folder."""
POLL_SECONDS = 0.1
SECONDS_TO_TELL = 5.0
"""Seconds to wait for the server to say how a job's process ended."""
LOST = 255
"""The exit status that `multiprocessing` reports for every job if their server is gone."""
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows ends a process at once by the latter


@dataclass
class LocalJob:
    """A job that has a process on this machine."""

    job: Job
    before: Snapshot
    """What lay in the job's folder when it was started."""
    launched: float
    """`time.perf_counter()` at the launch."""
    process: Any
    alive: Connection
    """A pipe that carries nothing, and closes when the job's process ends."""
    asked_to_stop: float | None = None
    timed_out: bool = False
    pending: None = None
    slurm_job: None = None
    log: None = None

    @property
    def seconds(self) -> float:
        """Seconds since the launch."""
        return time.perf_counter() - self.launched

    @property
    def stopped(self) -> bool:
        """Whether the job was asked to stop."""
        return self.asked_to_stop is not None

    def has_ended(self) -> bool:
        """Whether the job's process is gone."""
        return self.alive.poll()

    def status(self) -> int | None:
        """The exit status of a process that is gone, minus the number of the signal that killed it; None if unknown."""
        self.process.join(SECONDS_TO_TELL)
        status: int | None = self.process.exitcode
        return None if status == LOST else status

    def send(self, number: int) -> None:
        """Send a signal to the job's process, even if the server is gone and `multiprocessing` believes it dead."""
        if not self.has_ended():
            with suppress(OSError):
                os.kill(self.process.pid, number)


class ProcessPool:
    """Runs jobs in processes, `n_jobs` side by side."""

    def __init__(self, *, n_jobs: int, timeout: float | None, stop: StopRequest, reads_bundled: bool = False) -> None:
        """Start the server, but no job yet.

        Args:
            n_jobs: number of jobs side by side.
            timeout: seconds after which a job is asked to stop; None for no limit.
            stop: once it is set, running jobs are asked to stop, and no other starts.
            reads_bundled: whether jobs read the bundled data, which the server then reads for all.
        """
        self._n_jobs, self._timeout, self._stop = n_jobs, timeout, stop
        self._context = cast(Any, multiprocessing.get_context(job_server.start_method()))
        if job_server.start_method() == "forkserver":
            job_server.begin(reads_bundled=reads_bundled)
            job_server.keep()
            ready = self._context.Process(target=int)
            ready.start()  # once the server has imported everything
            ready.join()
        self.running: list[LocalJob] = []

    def run(
        self,
        jobs: Sequence[Job],
        *,
        on_start: Callable[[LocalJob], None],
        on_wait: Callable[[Job], None],
        on_poll: Callable[[], None],
        on_end: Callable[[LocalJob, str | None], None],
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
            free = [job for job in waiting if not is_locked(job.folder / names.LOCK)] if room else []
            if not free and not self.running and time.monotonic() - since > ORPHAN_SECONDS:
                free = list(waiting)  # they will say themselves what is wrong
            while free and len(self.running) < self._n_jobs and self._stop.signal is None:
                job, since = free.pop(0), time.monotonic()
                waiting.remove(job)
                self._start(job, on_start)
            if not self.running and not told and waiting:
                told = True
                on_wait(waiting[0])
            wait([running.alive for running in self.running], POLL_SECONDS)
            if not self.running:
                time.sleep(POLL_SECONDS)
            self._ask_to_stop()
            on_poll()
            for running in [one for one in self.running if one.has_ended()]:
                self.running.remove(running)
                on_end(running, self._error_of(running))
                running.alive.close()
                heartbeat.clear(running.job.folder)

    def _start(self, job: Job, on_start: Callable[[LocalJob], None]) -> None:
        launched = time.perf_counter()
        alive, held = multiprocessing.Pipe(duplex=False)
        process = self._context.Process(target=work, args=(Start(job.composed, job.folder, launched), held))
        running = LocalJob(job, snapshot(job.folder), launched, process, alive)
        on_start(running)
        heartbeat.clear(job.folder)
        if job_server.start_method() == "forkserver":
            job_server.ensure()
        process.start()
        held.close()
        self.running.append(running)

    def _ask_to_stop(self) -> None:
        for running in self.running:
            late = self._timeout is not None and running.seconds > self._timeout
            if running.asked_to_stop is None and (self._stop.signal is not None or late):
                running.asked_to_stop, running.timed_out = time.monotonic(), self._stop.signal is None
                running.send(signal.SIGTERM)
            elif running.asked_to_stop is not None and time.monotonic() - running.asked_to_stop > GRACE_SECONDS:
                running.send(KILL)

    def _error_of(self, running: LocalJob) -> str | None:
        """Explain a job's end in a line; None if its folder explains it."""
        status = running.status()
        if running.timed_out:
            return f"stopped after hydra.launcher.timeout={counted(self._timeout or 0, 'second')}"
        mistake = heartbeat.read_report(running.job.folder).error
        if status == 2 and mistake:
            return " ".join(line.strip() for line in mistake.splitlines()[:2])
        if running.asked_to_stop is not None and status in (-signal.SIGTERM, None):
            return None  # it had not begun to train
        if status is None:
            return "is gone, and how it ended is not known: the process that starts the jobs was killed"
        if status < 0:
            name = signal.Signals(-status).name
            return f"killed by {name}{', perhaps because memory ran out' if name == 'SIGKILL' else ''}"
        return None if status in (0, *STATUSES) else f"ended with status {status}; its log tells why"
