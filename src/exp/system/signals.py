"""Ctrl-C, SIGTERM and SIGHUP (a terminal that is lost) ask the run to stop; a person's impatience stops it at once.

Impatience is a second Ctrl-C that comes at least a second after the first: one key press can reach a process twice,
from the terminal and from the program that started it. Nothing else is: SIGTERM and SIGHUP come as often as a process
group, its parent and a system that shuts down send them, and SIGKILL follows by itself if there is a limit. Under
Slurm, SIGUSR1 and SIGUSR2 ask too (`sbatch --signal` sends one ahead of the time limit).

What was ignored when the program began stays ignored, as `nohup` and a shell's background have it.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import FrameType, TracebackType
from typing import Self

ASKING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)  # Windows has no SIGHUP
STATUSES = tuple(128 + number for number in ASKING)
"""Exit statuses of a program that was asked to stop, and did."""
SECONDS_OF_ONE_KEY_PRESS = 1.0


class Stopped(BaseException):
    """A signal has asked to stop, and long work was left. No error: what mends errors must not take it for one."""


class StopRequest:
    """While entered, remembers the first signal that asks to stop; an impatient one ends the process at once."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self.leaves = True
        """Whether a signal has long work left, by `check_current` and `left_at_once`."""
        self._pressed: float | None = None
        self._at_once = False
        self._ignored: list[int] = []

    def __enter__(self) -> Self:
        """Install the handlers. Only the main thread can; in another thread nothing is ever requested.

        What an outer one was asked before is asked of this one too.
        """
        self._previous = {}
        self._outer = _current[-1] if _current else None
        if self._outer is not None:
            self.signal, self._pressed = self._outer.signal, self._outer._pressed
        _current.append(self)
        if threading.current_thread() is threading.main_thread():
            more = (signal.SIGUSR1, signal.SIGUSR2) if "SLURM_JOB_ID" in os.environ else ()
            asking = (*ASKING, *more)
            self._ignored = [number for number in asking if signal.getsignal(number) is signal.SIG_IGN]
            for number in (number for number in asking if number not in self._ignored):
                self._previous[number] = signal.signal(number, self._remember)
        return self

    def insist(self) -> None:
        """Install the handlers again, after other code may have replaced them."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in self._previous:
            signal.signal(number, self._remember)
        for number in self._ignored:
            signal.signal(number, signal.SIG_IGN)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Put the earlier handlers back."""
        _current.remove(self)
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def asked(self) -> bool:
        """Whether to stop now."""
        return self.signal is not None

    def check(self) -> None:
        """Leave long work, if it is time to stop.

        Raises:
            Stopped: it is.
        """
        if self.asked():
            raise Stopped

    def ask(self, number: int) -> None:
        """Ask to stop, as if this signal had come."""
        self.signal = number if self.signal is None else self.signal

    @property
    def exit_status(self) -> int:
        """128 and the number of the signal, as shells count; 0 if there was none."""
        return 0 if self.signal is None else 128 + self.signal

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.ask(number)
        if number == signal.SIGINT:
            now = time.monotonic()
            if self._pressed is not None and now - self._pressed >= SECONDS_OF_ONE_KEY_PRESS:
                os._exit(128 + number)
            self._pressed = now if self._pressed is None else self._pressed
        if self._at_once:
            self._at_once = False
            raise Stopped

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Make a signal leave the enclosed work at once: for other people's code, which does not ask whether to stop.

        Raises:
            Stopped: a signal came.
        """
        self.check()
        self._at_once = True
        try:
            yield
        finally:
            self._at_once = False


_current: list[StopRequest] = []
"""The requests that are entered, the innermost last."""


def check_current() -> None:
    """Leave long work, if the run that is under way was asked to stop, and leaves such work.

    Raises:
        Stopped: it was.
    """
    if _current and _current[-1].leaves:
        _current[-1].check()


def insist_on_handlers() -> None:
    """Install the handlers of the run that is under way once more: other code may have put its own in their place."""
    if _current:
        _current[-1].insist()


@contextmanager
def leaving_long_work(leaves: bool) -> Iterator[None]:
    """Whether the run that is under way leaves long work: not where other processes rely on its being done."""
    request = _current[-1] if _current else None
    if request is None:
        yield
        return
    before, request.leaves = request.leaves, leaves
    try:
        yield
    finally:
        request.leaves = before


def left_at_once() -> AbstractContextManager[None]:
    """While entered, a signal to the run that is under way leaves the work wherever it is, by `Stopped`."""
    return _current[-1].at_once() if _current and _current[-1].leaves else nullcontext()
