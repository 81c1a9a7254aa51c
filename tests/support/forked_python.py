"""A `python` for shells that forks programs instead of starting them, so that none has to import TensorFlow again."""

import json
import os
import shlex
import socket
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from tests.support.programs import Programs

STAND_IN = Path(__file__).parent / "python_stand_in.py"


class ForkedPython:
    """A folder with a `python` in it: the first one of a PATH."""

    def __init__(self, programs: Programs) -> None:
        """It serves shells as soon as it is entered."""
        self._programs = programs
        self._place = tempfile.TemporaryDirectory(prefix="python-")
        self.folder = Path(self._place.name)
        self._listener = socket.socket(socket.AF_UNIX)

    def __enter__(self) -> "ForkedPython":
        address = self.folder / "socket"
        self._listener.bind(str(address))
        self._listener.listen()
        python = shlex.join([sys.executable, "-I", "-S", str(STAND_IN), str(address), sys.executable])
        (self.folder / "python").write_text(f'#!/bin/sh\nexec {python} "$@"\n')
        (self.folder / "python").chmod(0o755)
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._place.cleanup()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # it is closed
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection: socket.socket) -> None:
        with connection:
            message, descriptors, _, _ = socket.recv_fds(connection, 65536, 3)
            while not message.endswith(b"\n"):
                message += connection.recv(65536)
            request: dict[str, Any] = json.loads(message)
            stdin, stdout, stderr = descriptors
            program = self._programs.start_python(**request, stdin=stdin, stdout=stdout, stderr=stderr)
            for descriptor in descriptors:
                os.close(descriptor)
            status = program.wait()
            connection.sendall(str(status if status >= 0 else 128 - status).encode())
