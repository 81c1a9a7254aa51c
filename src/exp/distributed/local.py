"""Workers on this machine: processes that the chief starts (`device.local`), and that never outlive it."""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exp.distributed.cluster import Cluster, as_dict
from exp.errors import UserError
from exp.run_folder.names import worker_log
from exp.system.machine import visible_gpus
from exp.system.safe_files import read_tail
from exp.terminal.words import counted

MODULE = "exp.run.worker_process"
"""The module that a worker runs. It reads its order from stdin, which the chief keeps open for as long as it lives."""


class Processes:
    """The processes of the other workers."""

    def __init__(self, cluster: Cluster, processes: Mapping[int, "subprocess.Popen[bytes]"], folder: Path) -> None:
        self._cluster, self._processes, self._folder = cluster, processes, folder

    def check(self) -> None:
        """Make sure that none has ended before it came.

        Raises:
            UserError: one has.
        """
        for index, process in self._processes.items():
            if process.poll() is not None:
                log = self._folder / worker_log(index)
                last = _last_line(log)
                raise UserError(f"{last or f'{self._cluster.name(index)} {self.how_ended(index)}'} (see {log})")

    def how_ended(self, index: int) -> str:
        """How a worker's process ended, in words."""
        process = self._processes.get(index)
        if process is None:
            return "is gone"
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1.0)
        status = process.returncode
        if status is None:
            return "is gone"
        if status < 0:
            with contextlib.suppress(ValueError):
                return f"was killed by {signal.Signals(-status).name}"
        return f"ended with status {status}"

    def end(self, *, within: float) -> None:
        """Wait until none is left, and kill those that do not end by themselves within that many seconds."""
        for process in self._processes.values():
            try:
                process.wait(within)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            finally:
                assert process.stdin is not None
                with contextlib.suppress(OSError):
                    process.stdin.close()


def plan_local(count: int, *, timeout: float) -> Cluster:
    """A cluster on this machine's loopback interface, with ports that are free now; this process is its chief.

    Raises:
        UserError: there are GPUs, but fewer than workers.
    """
    gpus = visible_gpus()
    if gpus and len(gpus) < count:
        raise UserError(
            f"device.local={count}: this machine shows {counted(len(gpus), 'GPU')}, and workers "
            "cannot share one; CUDA_VISIBLE_DEVICES= (empty) trains on the CPU"
        )
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = tuple(f"127.0.0.1:{server.getsockname()[1]}" for server in taken)
    for server in taken:
        server.close()
    return Cluster(
        addresses, 0, f"device.local={count}", secret=secrets.token_hex(16), timeout=float(timeout), local=True
    )


def gpus_of(index: int, count: int) -> str | None:
    """`CUDA_VISIBLE_DEVICES` of one of `count` workers that share this machine's GPUs; None if there are no GPUs."""
    gpus = visible_gpus()
    each = len(gpus) // count
    return ",".join(gpus[index * each : (index + 1) * each]) if gpus else None


def start_workers(cluster: Cluster, order: Mapping[str, Any], *, folder: Path) -> Processes:
    """Start all workers but the chief.

    Args:
        cluster: the workers, all on this machine.
        order: what each worker has to do, as plain data.
        folder: the run folder.
    """
    processes = {}
    for index in range(1, cluster.size):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        gpus = gpus_of(index, cluster.size)
        if gpus is not None:
            environment["CUDA_VISIBLE_DEVICES"] = gpus
        with (folder / worker_log(index)).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", MODULE],  # not what lies in the working directory
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,  # Ctrl-C at the terminal is for the chief, which tells the others
            )
        whole = {**order, "cluster": {**as_dict(cluster), "index": index}}
        assert process.stdin is not None
        with contextlib.suppress(OSError):  # if it has ended already, `check` finds out soon
            process.stdin.write(json.dumps(whole).encode() + b"\n")
            process.stdin.flush()
        processes[index] = process
    return Processes(cluster, processes, folder)


def _last_line(path: Path) -> str:
    lines = [line.strip() for line in read_tail(path).splitlines() if line.strip()]
    return lines[-1] if lines else ""
