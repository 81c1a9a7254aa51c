"""The process of a job, from its first moment to its exit status."""

import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path

from omegaconf import DictConfig

from exp.errors import UserError
from exp.run_folder import names
from exp.sweep.heartbeat import Reporter, clear
from exp.system.files import open_regular
from exp.system.signals import ASKING
from exp.system.streams import outlast, printable


@dataclass(frozen=True)
class Start:
    """What a job's process is given by the process that launches it."""

    composed: DictConfig
    folder: Path
    launched: float
    """`time.perf_counter()` at the launch; Linux, macOS and Windows have one such clock for all processes."""


def work(start: Start, alive: Connection) -> None:
    """Do a job; ends the process with the exit status that `run.py` would have.

    Args:
        start: the job.
        alive: is held, so that whoever has the other end knows that this process has not ended.
    """
    if hasattr(os, "setsid"):
        os.setsid()  # what the terminal sends is for the sweep, which stops its jobs one by one
    for number in ASKING:
        signal.signal(number, signal.SIG_IGN if number == signal.SIGINT else signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ASKING)  # see `exp.system.job_server`
    all_output_to(start.folder / names.LOG)
    outlast()
    threading.Thread(target=_stop_when_orphaned, daemon=True).start()
    sys.exit(do_job_here(start))


def do_job_here(start: Start) -> int:
    """Do a job in this process; returns the exit status that `run.py` would have."""
    from hydra import version
    from hydra._internal.callbacks import Callbacks
    from hydra.core.utils import JobRuntime, run_job, setup_globals
    from hydra.types import HydraContext

    from exp.cli.conf import VERSION_BASE
    from exp.cli.do_job import do_job
    from exp.cli.make_request import take_request, with_cluster
    from exp.loggers.console import Display
    from exp.terminal.plain_console import PlainConsole

    version.setbase(VERSION_BASE)
    setup_globals()
    JobRuntime.instance().set("name", start.composed.hydra.job.name)
    reporter = Reporter(start.folder)
    display = Display(PlainConsole(file=open(os.devnull, "w")), tell=reporter.progress)  # noqa: SIM115, PTH123
    started = min(start.launched, time.perf_counter())

    def task(config: DictConfig) -> int:
        return do_job(with_cluster(take_request(config)), display, started=started).status

    ended = run_job(
        task,
        start.composed,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
        hydra_context=HydraContext(config_loader=None, callbacks=Callbacks(start.composed)),  # type: ignore[arg-type]
    )
    try:
        status = int(ended.return_value)
    except UserError as error:
        print(printable(str(error)), file=sys.stderr)
        reporter.mistake(str(error))
        return 2
    clear(start.folder)
    return status


def all_output_to(log: Path) -> None:
    """Whatever the job prints, native code and a crash of Python itself included, goes to the end of its log."""
    log.parent.mkdir(parents=True, exist_ok=True)
    descriptor = open_regular(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def _stop_when_orphaned() -> None:
    """If the sweep is killed, its jobs save a checkpoint and stop, so that the same command can resume them."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
