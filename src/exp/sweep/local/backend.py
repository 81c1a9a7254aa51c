"""The backend of the launcher `processes`: how many jobs this machine runs side by side, and their pool."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import DictConfig

from exp.data.read_ahead import is_bundled
from exp.errors import UserError
from exp.sweep.backend import RunningJob
from exp.sweep.local.pool import ProcessPool
from exp.sweep.snapshot import Snapshot
from exp.system.machine import available_cores, has_gpu
from exp.system.signals import StopRequest

BYTES_PER_JOB = 2 * 2**30
"""Memory that a job is expected to take, which bounds the number of jobs side by side."""


class LocalBackend:
    """Runs jobs as forks of one process that has imported TensorFlow."""

    status = "running"

    def __init__(self, master: DictConfig, *, n_jobs: Any, timeout: Any) -> None:
        """Start nothing yet.

        Args:
            master: the configuration that Hydra composed for the sweep as a whole.
            n_jobs: number of jobs side by side; None for as many as fit.
            timeout: seconds that a job may take; None for no limit.

        Raises:
            UserError: an option is wrong.
        """
        for key, value, kind in (("n_jobs", n_jobs, int), ("timeout", timeout, int | float)):
            good = value is None or (isinstance(value, kind) and not isinstance(value, bool) and value > 0)
            if not good:
                what = "a whole number" if kind is int else "a number of seconds"
                raise UserError(f"hydra.launcher.{key}={value}: must be {what} above 0, or null")
        device = master.get("device")
        threads = device.get("threads") if isinstance(device, DictConfig) else None
        # What is wrong with it is said when the jobs are checked.
        self._given_threads = threads if isinstance(threads, int) and threads > 0 else None
        self._n_jobs: int | None = n_jobs
        self._reads_bundled = is_bundled(master.get("data"))
        self._timeout: float | None = timeout

    def shares(self, jobs: int) -> tuple[int, int]:
        """One job for each core if memory allows, but one at a time with GPUs; the jobs share the cores' threads."""
        n_jobs = self._side_by_side(jobs)
        return n_jobs, max(1, available_cores() // n_jobs)

    def _side_by_side(self, jobs: int) -> int:
        if self._n_jobs is not None:
            return self._n_jobs
        if has_gpu():
            return 1
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 2**34
        return max(1, min(jobs, available_cores() // (self._given_threads or 1), memory // BYTES_PER_JOB))

    def check(self) -> None:
        """Nothing keeps a process from starting."""

    def pool(self, *, n_jobs: int, stop: StopRequest, before: Mapping[str, Snapshot]) -> ProcessPool:
        """A pool of processes. No job of an earlier command is taken over: they ended with it."""
        del before
        return ProcessPool(n_jobs=n_jobs, timeout=self._timeout, stop=stop, reads_bundled=self._reads_bundled)

    def announce(self, *, n_jobs: int, threads: int) -> str:
        """A line that tells the person how the jobs will be run."""
        return f"{n_jobs} side by side, device.threads={threads}; TensorFlow is imported once for all"

    def left(self, running: Sequence[RunningJob]) -> list[str]:
        """Nothing: no job goes on without its sweep."""
        del running
        return []
