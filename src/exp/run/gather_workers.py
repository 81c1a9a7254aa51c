"""Brings the workers of a run together: those that were started from outside meet, and local ones are started here."""

import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from exp.config import WorkersDevices
from exp.distributed import Alone, Group, Workers, facts_of, gpus_of, meet, plan_local, start_workers
from exp.loggers.console import Display
from exp.run.request import Request
from exp.run_folder.names import worker_log
from exp.system.files import from_here
from exp.system.streams import PlainFormatter
from exp.terminal.plain_console import PlainConsole

SECONDS_TO_END, SECONDS_AFTER_FAILURE = 10.0, 2.0
"""Seconds that local workers are given to end by themselves before they are killed."""


@dataclass(frozen=True)
class Member:
    """What a process knows as a member of the group that does a run together."""

    request: Request
    """What to do, in the folder that the chief chose."""
    display: Display
    """What the person sees; a follower shows nothing."""
    group: Group


@contextlib.contextmanager
def gathered(request: Request, display: Display) -> Iterator[Member]:
    """Meet the other workers of a run, and start them if they are local; a run without others is a group of one.

    Raises:
        UserError: the workers did not come together, or will not do the same.
    """
    device, cluster = request.config.device, request.cluster
    if cluster is not None and cluster.size > 1:
        with _others_know(meet(cluster, _facts(request), folder=request.folder)) as workers:
            yield _member(replace(request, folder=from_here(workers.folder)), display, workers)
    elif isinstance(device, WorkersDevices) and (device.local or 1) > 1:
        with _local_workers(request, display, device) as workers:
            yield Member(request, display, workers)
    else:
        yield Member(request, display, Alone())


@contextlib.contextmanager
def _local_workers(request: Request, display: Display, device: WorkersDevices) -> Iterator[Workers]:
    assert device.local is not None
    cluster = plan_local(device.local, timeout=device.timeout)
    processes = start_workers(cluster, request.order(), folder=request.folder)
    gpus = gpus_of(0, cluster.size)
    if gpus is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpus
    patience = SECONDS_AFTER_FAILURE
    try:
        with _others_know(meet(cluster, _facts(request), folder=request.folder, check=processes.check)) as workers:
            workers.how_ended = processes.how_ended
            workers.say = display.say
            workers.watch()
            yield workers
            patience = SECONDS_TO_END if workers.is_whole else patience
    finally:
        processes.end(within=patience)


@contextlib.contextmanager
def _others_know(workers: Workers) -> Iterator[Workers]:
    """Tell the other workers why, if this one fails."""
    try:
        yield workers
    except BaseException as error:
        workers.close(str(error) or type(error).__name__)
        raise


def _member(request: Request, display: Display, workers: Workers) -> Member:
    """Begin to listen to the others: the chief shows their lines to the person, a follower sends it its own."""
    if workers.is_chief:
        workers.say = display.say
    else:
        request.folder.mkdir(parents=True, exist_ok=True)
        _log_to_chief(request.folder / worker_log(workers.cluster.index), workers)
        display = Display(PlainConsole(file=open(os.devnull, "w")))  # noqa: SIM115, PTH123
    workers.watch()
    return Member(request, display, workers)


def _log_to_chief(path: Path, workers: Workers) -> None:
    """Send the log of a follower to a file of its own, and to the chief's log."""

    class ToChief(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            error = record.exc_info[1] if record.exc_info else None
            told = record.getMessage() if error is None else f"{record.getMessage()}: {type(error).__name__}: {error}"
            workers.report(record.levelno, told.splitlines()[0])

    to_file = logging.FileHandler(path)
    to_file.setFormatter(PlainFormatter("[%(asctime)s][%(name)s][%(levelname)s] %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [to_file, ToChief()]
    root.setLevel(logging.INFO)


def _facts(request: Request) -> dict[str, Any]:
    what = f"mode={request.config.mode}"
    if request.tested:
        what += f" run={request.tested.name}"
    return facts_of(request.tree, what=f"{what} resumed" if request.resumed else what)
