"""The process that the jobs of a sweep are forked from: it imports TensorFlow, and reads bundled data, once for all.

It is started as soon as a command line asks for a sweep, and imports while the jobs are planned. It can be killed like
any process; whoever needs it makes sure that it runs.
"""

import contextlib
import multiprocessing
import os
import signal
import threading

from exp.system.safe_path import safe_path
from exp.system.signals import ASKING

_has_jobs = threading.Event()


def start_method() -> str:
    """How this system starts processes: `forkserver`, or `spawn` on Windows."""
    return "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"


def begin(*, reads_bundled: bool) -> None:
    """Start the server, unless it runs; it imports for 2 seconds more after this has returned.

    Args:
        reads_bundled: whether jobs read the bundled data.
    """
    data = ["exp.sweep.local.preload_data"] if reads_bundled else []
    multiprocessing.get_context("forkserver").set_forkserver_preload([*data, "exp.sweep.local.preload"])
    ensure()


def ensure() -> None:
    """Make sure that the server runs, even if the last one was killed.

    It is started while signals that ask to stop are held back, and so never hears one, nor do its forks until they say
    so themselves. What comes here meanwhile is heard afterwards.
    """
    from multiprocessing import forkserver, resource_tracker

    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ASKING)
    try:
        with safe_path():
            resource_tracker.ensure_running()  # when it starts, it lets some of them through again
            signal.pthread_sigmask(signal.SIG_BLOCK, ASKING)
            forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def keep() -> None:
    """There are jobs for the server."""
    _has_jobs.set()


def end_if_unused() -> None:
    """Kill the server if there was no job: it would import to its end, and keep open what the program printed to."""
    from multiprocessing import forkserver

    server: int | None = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    if server is not None and not _has_jobs.is_set():
        with contextlib.suppress(ProcessLookupError):
            os.kill(server, signal.SIGKILL)
