"""Bringing together the workers of a run: those that were started from outside meet, and local ones are started here.

`python -m exp.run.gather_workers` is a local worker; it reads its order, what to do as plain data, from stdin.
"""

import contextlib
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from exp.config import WorkersDevices, parse
from exp.distributed import Alone, Workers, facts_of, gpus_of, meet, plan_local, start_workers
from exp.distributed.cluster import Cluster, from_dict
from exp.errors import UserError
from exp.loggers.console import Display
from exp.run.request import Request
from exp.run.run import run
from exp.run_folder.names import worker_log
from exp.system.files import from_here
from exp.system.streams import PlainFormatter, outlast, printable
from exp.terminal.plain_console import PlainConsole

_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of <linux/prctl.h>
SECONDS_TO_END, SECONDS_AFTER_FAILURE = 10.0, 2.0
"""Seconds that local workers are given to end by themselves before they are killed."""
SECONDS_AFTER_CHIEF = 5.0
"""Seconds that a local worker has to log what it has to say after it lost its chief."""


def run_in_group(request: Request, display: Display, *, started: float) -> int:
    """Do a run, together with the other workers if there are any.

    Args:
        request: what to do.
        display: what the person sees.
        started: `time.perf_counter()` at the start of the program.

    Returns:
        The exit status: see `exp.run.run.run`.

    Raises:
        UserError: the workers did not come together, or the request is impossible here.
    """
    cluster = request.cluster
    if cluster is not None and cluster.size > 1:
        with _others_know(meet(cluster, _facts(request), folder=request.folder)) as workers:
            return _run_as_worker(replace(request, folder=from_here(workers.folder)), display, started, workers)
    device = request.config.device
    if isinstance(device, WorkersDevices) and (device.local or 1) > 1:
        with _local_workers(request, display, device) as workers:
            return run(request, display, started=started, group=workers)
    return run(request, display, started=started, group=Alone())


@contextlib.contextmanager
def _local_workers(request: Request, display: Display, device: WorkersDevices) -> Iterator[Workers]:
    assert device.local is not None
    cluster = plan_local(device.local, timeout=device.timeout)
    processes = start_workers(cluster, _order(request), folder=request.folder)
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


def _run_as_worker(request: Request, display: Display, started: float, workers: Workers) -> int:
    """Do a run as one of the workers that have met."""
    if workers.is_chief:
        workers.say = display.say
        workers.watch()
        return run(request, display, started=started, group=workers)
    request.folder.mkdir(parents=True, exist_ok=True)
    _log_to_chief(request.folder / worker_log(workers.cluster.index), workers)
    workers.watch()
    silent = Display(PlainConsole(file=open(os.devnull, "w")))  # noqa: SIM115, PTH123
    return run(request, silent, started=started, group=workers)


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


def _order(request: Request) -> dict[str, Any]:
    """Turn a request into plain data, for a local worker."""
    return {
        "tree": request.tree,
        "trusted": list(request.config.trusted_targets),
        "folder": str(request.folder.absolute()),
        "tested": str(request.tested) if request.tested else None,
        "resumed": request.resumed,
    }


def _request_of(order: dict[str, Any]) -> Request:
    """Turn the order of a local worker back into a request."""
    return Request(
        config=parse(order["tree"], trusted=order["trusted"]),
        tree=order["tree"],
        folder=from_here(Path(order["folder"])),
        command=[],
        config_files={},
        tested=Path(order["tested"]) if order["tested"] else None,
        resumed=order["resumed"],
    )


def main() -> int:
    """Be a local worker; returns the exit status."""
    started = time.perf_counter()
    outlast()
    _die_with_chief()
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(0, 2**16)
        if not byte:
            return 1
        line += byte
    threading.Thread(target=_end_with_chief, daemon=True).start()
    order = json.loads(line)
    cluster: Cluster = from_dict(order["cluster"])
    try:
        request = _request_of(order)
        with _others_know(meet(cluster, _facts(request), folder=request.folder)) as workers:
            return _run_as_worker(request, Display(), started, workers)
    except UserError as error:
        print(printable(str(error)), file=sys.stderr)
        return 2


def _die_with_chief() -> None:
    """Have Linux kill this process when the chief dies, also while native code keeps all threads of Python waiting."""
    if sys.platform == "linux":
        import ctypes

        chief = os.getppid()
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != chief:
            os._exit(1)


def _end_with_chief() -> None:
    """Whatever ends the chief also closes this process's stdin, on every system."""
    while os.read(0, 2**16):
        pass
    time.sleep(SECONDS_AFTER_CHIEF)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
