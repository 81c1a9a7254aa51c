"""The programs of this project in processes of their own, which need not import TensorFlow again.

A program that is started here is a fork of a process that has imported it (`tests.support.fork_server`). It has an
environment, a folder, streams and an exit status of its own, can be killed, and is used like a `subprocess.Popen`.
Tests of what a start of Python itself does, such as which modules it imports, need real processes.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from tests.support.root import ROOT

NOT_A_USERS = "TF_CPP_MIN_LOG_LEVEL"
"""This variable is set for the tests only."""


class Programs:
    """Starts programs as forks of a process that has imported some modules."""

    def __init__(self, *modules: str, paths: Sequence[str] = ()) -> None:
        """Nothing is imported before the first program is started.

        Args:
            modules: are imported once for all programs.
            paths: besides Python's own, where modules lie.
        """
        self._modules, self._paths = modules, paths
        self._server: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._answers = b""
        self._ends: dict[int, int] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> "Programs":
        return self

    def __exit__(self, *error: object) -> None:
        if self._connection is not None and self._server is not None:
            self._connection.close()
            self._server.wait()

    def run(self, program: str, *arguments: str, cwd: Path, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a program to its end; see `start` for the options."""
        timeout = options.pop("timeout", None)
        process = self.start(program, *arguments, cwd=cwd, **options)
        output, errors = process.communicate(timeout)
        return subprocess.CompletedProcess([program, *arguments], process.wait(), output, errors)

    def start(
        self, program: str, *arguments: str, cwd: Path, environment: Mapping[str, str] | None = None, **streams: Any
    ) -> "Program":
        """Start a program of this project.

        Args:
            program: a path in the project, such as `run.py`; or `-m` or `-c`, as for Python.
            arguments: of the program.
            cwd: the folder in which it runs.
            environment: variables besides those of this process.
            streams: and whether it gets a session; see `start_python`.
        """
        command = [program if program.startswith("-") else str(ROOT / program), *arguments]
        return self.start_python(command, cwd=cwd, environment={**os.environ, **(environment or {})}, **streams)

    def start_python(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        environment: Mapping[str, str],
        new_session: bool = False,
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> "Program":
        """Start what `python COMMAND` starts.

        Args:
            command: a program's path, or `-m` or `-c` and what belongs to it, with arguments.
            cwd: the folder in which it runs.
            environment: all its variables.
            new_session: it gets a session of its own, as under a terminal.
            stdin: a file descriptor; without one, there is nothing to read.
            stdout: a file descriptor; without one, the output is kept, and `communicate` gives it.
            stderr: as stdout, or `subprocess.STDOUT`.
        """
        request = {
            "arguments": list(command),
            "cwd": str(cwd),
            "environment": {key: value for key, value in environment.items() if key != NOT_A_USERS},
            "new_session": new_session,
        }
        kept = [tempfile.TemporaryFile("w+", errors="replace") for _ in range(2)]  # noqa: SIM115
        out = kept[0].fileno() if stdout is None else stdout
        err = out if stderr == subprocess.STDOUT else kept[1].fileno() if stderr is None else stderr
        with Path(os.devnull).open() as nothing, self._lock:
            connection = self._connected()
            message = json.dumps(request).encode() + b"\n"
            given = nothing.fileno() if stdin is None else stdin
            sent = socket.send_fds(connection, [message], [given, out, err])
            connection.sendall(message[sent:])
            pid = None
            while pid is None:
                pid = self._hear()
        return Program(self, pid, kept)

    def status(self, pid: int) -> int | None:
        """The exit status of a program, as `subprocess` has it, or None as long as it has not ended."""
        with self._lock:
            assert self._connection is not None
            self._connection.setblocking(False)
            try:
                while pid not in self._ends:
                    self._hear()
            except BlockingIOError:
                return None
            finally:
                self._connection.setblocking(True)
            return os.waitstatus_to_exitcode(self._ends[pid])

    def _connected(self) -> socket.socket:
        if self._connection is None:
            self._connection, server = socket.socketpair()
            command = [sys.executable, "-m", "tests.support.fork_server", str(server.fileno()), *self._modules]
            environment = {key: value for key, value in os.environ.items() if key != NOT_A_USERS}
            if self._paths:
                environment["PYTHONPATH"] = os.pathsep.join(self._paths)
            with server:
                self._server = subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=[server.fileno()])
        return self._connection

    def _hear(self) -> int | None:
        """Wait for an answer; returns the process that it names, or notes how one has ended."""
        assert self._connection is not None
        while b"\n" not in self._answers:
            more = self._connection.recv(65536)
            assert more, "the fork server is gone"
            self._answers += more
        line, _, self._answers = self._answers.partition(b"\n")
        answer = json.loads(line)
        if isinstance(answer, int):
            self._ends.pop(answer, None)  # the system gives the number of a process that has ended to another one
            return answer
        self._ends[answer[0]] = answer[1]
        return None


class Program:
    """A program that has been started."""

    def __init__(self, programs: Programs, pid: int, kept: Sequence[IO[str]]) -> None:
        """`kept` are the files with what it says."""
        self._programs, self.pid, self._kept = programs, pid, kept
        self._said = ("", "")
        self.returncode: int | None = None
        weakref.finalize(self, _close, kept)

    def poll(self) -> int | None:
        """The exit status, or None as long as it has not ended."""
        if self.returncode is None:
            self.returncode = self._programs.status(self.pid)
            if self.returncode is not None:
                self._said = (_read(self._kept[0]), _read(self._kept[1]))
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit status: minus the number of the signal that killed it, if there was one."""
        end = time.monotonic() + (timeout or float("inf"))
        while (status := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            time.sleep(0.01)
        return status

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for its end; returns what it has written to stdout and stderr."""
        self.wait(timeout)
        return self._said

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it, unless it has ended."""
        self.send_signal(signal.SIGKILL)


def _read(file: IO[str]) -> str:
    with file:
        file.seek(0)
        return file.read()


def _close(files: Sequence[IO[str]]) -> None:
    for file in files:
        file.close()


PROGRAMS = Programs("tests.support.preload")
"""For programs that use TensorFlow."""
LIGHT = Programs("tests.support.preload_light")
"""For programs that must not import it."""
