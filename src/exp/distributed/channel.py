"""Messages between two workers: JSON objects, a line each, over a TCP connection."""

import contextlib
import json
import socket
import threading
from typing import Any

MOST_BYTES = 2**24
"""The longest message, in bytes. Whoever sends more is no worker."""


class Channel:
    """One end of a connection. Any thread may send; one receives."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection = connection
        self._lock = threading.Lock()
        self._received = bytearray()

    def send(self, kind: str, **content: Any) -> None:
        """Send a message.

        Raises:
            OSError: the other end is gone.
        """
        with self._lock:
            self._connection.sendall(json.dumps({"kind": kind, **content}).encode() + b"\n")

    def try_to_send(self, kind: str, **content: Any) -> None:
        """Send a message, unless the other end is gone: whoever receives finds out."""
        with contextlib.suppress(OSError):
            self.send(kind, **content)

    def receive(self, timeout: float) -> dict[str, Any] | None:
        """The next message; None if the other end is gone.

        Raises:
            TimeoutError: nothing came within `timeout` seconds.
            OSError: the connection broke.
            ValueError: what came is no message.
        """
        self._connection.settimeout(timeout)
        while b"\n" not in self._received:
            received = self._connection.recv(2**16)
            if not received:
                return None
            self._received += received
            if len(self._received) > MOST_BYTES:
                raise ValueError("a message is too long")
        line, _, rest = self._received.partition(b"\n")
        self._received = bytearray(rest)
        message = json.loads(line)
        if not isinstance(message, dict) or not isinstance(message.get("kind"), str):
            raise ValueError("not a message")
        return message

    def fileno(self) -> int:
        """The file descriptor, for `select`."""
        return self._connection.fileno()

    def close(self) -> None:
        """Hang up; a thread that is receiving is woken."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()
