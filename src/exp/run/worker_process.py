"""A local worker of a run, as a program: `python -m exp.run.worker_process`, which reads its order from stdin."""

import json
import os
import signal
import sys
import threading
import time
from dataclasses import replace

from exp.distributed.cluster import from_dict
from exp.errors import UserError
from exp.loggers.console import Display
from exp.run.request import request_of
from exp.run.run import run
from exp.system.project import project
from exp.system.streams import outlast, printable

_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of <linux/prctl.h>
SECONDS_AFTER_CHIEF = 5.0
"""Seconds that a local worker has to log what it has to say after it lost its chief."""


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
    project()  # puts the user's own code on Python's path
    try:
        return run(replace(request_of(order), cluster=from_dict(order["cluster"])), Display(), started=started)
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
