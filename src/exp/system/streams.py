"""The way to a person: text is shown as text, and a terminal that is gone never ends or changes a run.

Whatever may come from a folder, a file or another's configuration goes through `printable` before it is shown; whatever
is written to stdout and stderr goes through a stream that outlasts its reader.
"""

import contextlib
import logging
import os
import re
import sys
from typing import IO, Any

# C0 and C1 controls but the line break and the tab, what turns the direction of text around, and half characters, which
# stand for bytes of a file name that is no text.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Text with its control characters escaped (ESC becomes `\\x1b`): they could move a cursor or hide a line."""
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


class PlainFormatter(logging.Formatter):
    """Lines of a log in which control characters are escaped: a log is read on a terminal, too."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record as `logging` does, and escape its control characters."""
        return printable(super().format(record))


class Lasting:
    """Stands for stdout or stderr: if nobody reads it any more (a closed pipe, a full disk), the text is lost."""

    def __init__(self, stream: IO[str]) -> None:
        """Wrap a stream."""
        self._stream = stream
        self.problem: str | None = None
        """Why text was lost, if that is not because its reader has seen enough."""

    def write(self, text: str) -> int:
        """Write, if anybody reads."""
        try:
            self._stream.write(text)
        except BlockingIOError:  # another program has made the terminal non-blocking, and it is busy
            pass
        except (OSError, ValueError) as error:  # ValueError: the stream is closed
            self._give_up(error)
        return len(text)

    def flush(self) -> None:
        """Flush, if anybody reads."""
        try:
            self._stream.flush()
        except BlockingIOError:
            pass
        except (OSError, ValueError) as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        """Discard everything from here on, including what native code writes to the same descriptor."""
        if not isinstance(error, BrokenPipeError):
            self.problem = getattr(error, "strerror", None) or str(error)
        lost = open(os.devnull, "w")  # noqa: SIM115, PTH123
        with contextlib.suppress(OSError, ValueError):
            os.dup2(lost.fileno(), self._stream.fileno())
        self._stream = lost

    def __getattr__(self, name: str) -> Any:
        """Delegate every other attribute to the stream."""
        return getattr(self._stream, name)


def outlast() -> None:
    """Have this process outlast its terminal: to be called once, before anything is written."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:  # closed: a file that is opened next would get this number, and what is printed with it
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # for the programs that this one starts, too
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            stream = open(os.devnull, "w")  # noqa: SIM115, PTH123
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
        if not isinstance(stream, Lasting):
            setattr(sys, name, Lasting(stream))


def lost_output() -> str | None:
    """Why what a program printed for other programs was lost; None if it was not, or if its reader has seen enough."""
    sys.stdout.flush()
    return sys.stdout.problem if isinstance(sys.stdout, Lasting) else None
