"""Jobs in processes: how long they take, and how they ended, whatever becomes of the clock and of their server."""

import multiprocessing
import signal
import sys
from types import SimpleNamespace

import pytest

from exp.sweep.local import pool as module
from exp.sweep.local.pool import LOST, LocalJob, ProcessPool
from exp.sweep.snapshot import Snapshot
from exp.system.signals import StopRequest


@pytest.fixture
def pool(monkeypatch) -> ProcessPool:
    monkeypatch.setattr(module.job_server, "start_method", lambda: "spawn")
    return ProcessPool(n_jobs=1, timeout=None, stop=StopRequest())


@pytest.mark.parametrize(
    ("status", "asked", "words"),
    [
        (LOST, None, "is gone, and how it ended is not known: the process that starts the jobs was killed"),
        (LOST, 1.0, None),
        (-signal.SIGTERM, 1.0, None),
        (-signal.SIGTERM, None, "killed by SIGTERM"),
        (-signal.SIGKILL, None, "killed by SIGKILL, perhaps because memory ran out"),
        (129, None, None),
        (3, None, "ended with status 3; its log tells why"),
    ],
)
def test_ends_have_words(pool, tmp_path, status, asked, words):
    process = SimpleNamespace(exitcode=status, join=lambda seconds: None)
    job = SimpleNamespace(name="a", folder=tmp_path)
    running = LocalJob(job, Snapshot(), 0.0, process, multiprocessing.Pipe(duplex=False)[0], asked_to_stop=asked)
    assert pool._error_of(running) == words


class Clock:
    """Stands for `time` in a module: the wall clock jumps a day, to and fro, with every look at it."""

    def __init__(self, real) -> None:
        self._real, self._looks = real, 0

    def time(self) -> float:
        self._looks += 1
        return self._real.time() + (86_400 if self._looks % 2 else -86_400)

    def __getattr__(self, name: str):
        return getattr(self._real, name)


@pytest.mark.parametrize(("timeout", "error"), [(3600, None), (1, "stopped after hydra.launcher.timeout=1 second")])
def test_a_clock_that_is_set_neither_ends_a_job_nor_lets_it_run(tmp_path, monkeypatch, timeout, error):
    monkeypatch.setattr(module, "time", Clock(module.time))
    monkeypatch.setattr(module.job_server, "start_method", lambda: "spawn")
    monkeypatch.setattr(module, "work", quick_work if timeout > 10 else slow_work)
    told = []
    with StopRequest() as stop:
        ProcessPool(n_jobs=1, timeout=timeout, stop=stop).run(
            [SimpleNamespace(name="a", folder=tmp_path, composed=None)],
            on_start=lambda one: None,
            on_wait=lambda job: None,
            on_poll=lambda: None,
            on_end=lambda one, error: told.append((error, 0 <= one.seconds < 60)),
        )
    assert told == [(error, True)]


def quick_work(start, alive) -> None:
    """A job that is done at once."""
    sys.exit(0)


def slow_work(start, alive) -> None:
    """A job that never ends by itself."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    while True:
        signal.pause()
