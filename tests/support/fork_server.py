"""A process that has imported what takes long, and forks itself for every program that is to be run.

    python -m tests.support.fork_server DESCRIPTOR MODULE...

Requests and answers go through the socket with that descriptor, each as a line of JSON. A request is an object, sent
along with the descriptors of the program's stdin, stdout and stderr. The server answers with the number of the new
process, and with `[process, wait status]` when it has ended. A program runs as `__main__` and ends as Python does, with
everything that is registered for the end of a process.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
import time
from typing import Any


def main() -> None:
    """Serve requests until nobody is there who could make one; in a fork, run its program."""
    server, *modules = sys.argv[1:]
    connection = socket.socket(fileno=int(server))
    for module in modules:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # the garbage collections of a program need not walk through all that, nor copy its memory
    request = serve(connection)
    if request is not None:
        connection.close()
        try:
            run(request)
        except SystemExit as leave:
            end(leave.code)
            raise
        end(0)


def serve(connection: socket.socket) -> dict[str, Any] | None:
    """Fork for each request; returns None in the server once the connection ends, and a request in its fork."""
    ended, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        selector.register(ended, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if ended in ready:
                os.read(ended, 4096)
                tell_ends(connection)
            if connection not in ready:
                continue
            message, descriptors, _, _ = socket.recv_fds(connection, 65536, 3)
            if not message:
                return None
            while not message.endswith(b"\n"):
                message += connection.recv(65536)
            process = os.fork()
            if process == 0:
                signal.set_wakeup_fd(-1)
                os.close(ended)
                os.close(wake)
                take_place(json.loads(message), descriptors)
                return json.loads(message)
            for descriptor in descriptors:
                os.close(descriptor)
            answer(connection, process)


def tell_ends(connection: socket.socket) -> None:
    """Tell which programs have ended, and how."""
    while True:
        try:
            process, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not process:
            return
        answer(connection, [process, status])


def answer(connection: socket.socket, value: Any) -> None:
    """Send a line."""
    connection.sendall(json.dumps(value).encode() + b"\n")


def take_place(request: dict[str, Any], descriptors: list[int]) -> None:
    """Become the process that was asked for: signals, streams, folder, environment."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if request["new_session"]:
        os.setsid()
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    # Python asks a stream when it makes it whether it is a terminal, and whether there is a place in it.
    sys.stdin = sys.__stdin__ = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = sys.__stdout__ = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(2, "w", 1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])


def run(request: dict[str, Any]) -> None:
    """Run a program as `python PROGRAM ...`, `python -m MODULE ...` or `python -c CODE ...` would."""
    first, *rest = request["arguments"]
    paths = [path for path in request["environment"].get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[0:1] = [os.path.dirname(first) if not first.startswith("-") else request["cwd"], *paths]  # noqa: PTH120
    fork_servers()
    if "exp.cli.main" in sys.modules:
        sys.modules["exp.cli.main"].STARTED = time.perf_counter()  # type: ignore[attr-defined]
    if first == "-c":
        sys.argv = ["-c", *rest[1:]]
        exec(compile(rest[0], "<string>", "exec"), sys.modules["__main__"].__dict__)
    elif first == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [first, *rest]
        runpy.run_path(first, run_name="__main__")


def end(status: object) -> None:
    """End as Python does, with what is registered for that, but without taking apart what all programs share.

    Python would clear every module, and for that copy the memory of this process: a fifth of a second. It is left to
    Python if there is something to say: a status that is a text, or a stream that cannot be written.
    """
    if not isinstance(status, int | None):
        return
    threading._shutdown()  # type: ignore[attr-defined]
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        return
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status or 0)


def fork_servers() -> None:
    """Have `multiprocessing` fork its fork server too: what that one would import is there already."""
    from multiprocessing import util

    spawn: Any = util.spawnv_passfds

    def fork(path: Any, arguments: Any, kept: Any) -> int:
        if "multiprocessing.forkserver" not in str(arguments[-1]):
            return spawn(path, arguments, kept)
        process = os.fork()
        if not process:
            serve_jobs(str(arguments[-1]), kept)
        return process

    util.spawnv_passfds = fork  # type: ignore[attr-defined]


def serve_jobs(code: str, kept: Any) -> None:
    """Be the fork server of `multiprocessing`, which is given as code: nothing is open but what it needs."""
    from multiprocessing import forkserver

    try:
        forkserver._forkserver._lock = threading.Lock()  # the process that was forked holds the other one
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        first = 3
        for descriptor in sorted(kept):
            os.closerange(first, descriptor)
            first = descriptor + 1
        os.closerange(first, os.sysconf("SC_OPEN_MAX"))
        exec(code, {})
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
