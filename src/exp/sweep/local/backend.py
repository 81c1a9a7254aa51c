"""The launcher `processes`: the jobs of a sweep in processes of this machine."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import DictConfig

from exp.errors import UserError
from exp.sweep.backend import AtWork
from exp.sweep.before import Before
from exp.sweep.local.pool import Pool
from exp.system.machine import available_cores, has_gpu
from exp.system.signals import StopRequest

BYTES_PER_JOB = 2 * 2**30
"""Of memory: how many jobs the machine is thought to hold."""


class Here:
    """Runs jobs in forks of one process that has imported TensorFlow."""

    status = "running"

    def __init__(self, master: DictConfig, *, n_jobs: Any, timeout: Any) -> None:
        """Nothing is started.

        Args:
            master: Hydra's configuration of the sweep.
            n_jobs: jobs side by side; None for as many as fit.
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
        self._timeout: float | None = timeout

    def shares(self, jobs: int) -> tuple[int, int]:
        """One job for each core, where memory allows; one, where each takes all GPUs. They share the cores' threads."""
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

    def pool(self, *, n_jobs: int, stop: StopRequest, before: Mapping[str, Before]) -> Pool:
        """Of processes; none of an earlier command is taken over."""
        del before
        return Pool(n_jobs=n_jobs, timeout=self._timeout, stop=stop)

    def announce(self, *, n_jobs: int, threads: int) -> str:
        """For the person."""
        return f"{n_jobs} side by side, device.threads={threads}; TensorFlow is imported once for all"

    def left(self, running: Sequence[AtWork]) -> list[str]:
        """No job goes on without its sweep."""
        del running
        return []
