"""Ctrl-C and SIGTERM: the first one asks the run to stop, the second one stops it.

Under Slurm, SIGUSR1 and SIGUSR2 ask too (`sbatch --signal` sends one ahead of the time limit), and a second signal is
not a person's impatience: one of each may come, and SIGKILL follows by itself.
"""

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Self


class StopRequest:
    """While entered, remembers the first SIGINT or SIGTERM; a second one ends the process at once."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self._in_slurm = "SLURM_JOB_ID" in os.environ

    def __enter__(self) -> Self:
        """Install the handlers. Only a main thread can; elsewhere nothing is ever requested.

        What an outer one was asked before is asked of this one too.
        """
        self._previous = {}
        if threading.current_thread() is threading.main_thread():
            more = (signal.SIGUSR1, signal.SIGUSR2) if self._in_slurm else ()
            for number in (signal.SIGINT, signal.SIGTERM, *more):
                previous = self._previous[number] = signal.signal(number, self._remember)
                outer = getattr(previous, "__self__", None)
                if isinstance(outer, StopRequest) and self.signal is None:
                    self.signal = outer.signal
        return self

    def insist(self) -> None:
        """Install the handlers once more, where other code may have put its own in their place."""
        for number in self._previous:
            signal.signal(number, self._remember)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Put the earlier handlers back."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def asked(self) -> bool:
        """Whether to stop now."""
        return self.signal is not None

    @property
    def exit_status(self) -> int:
        """128 and the number of the signal, as shells count; 0 if there was none."""
        return 0 if self.signal is None else 128 + self.signal

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if self.signal is None:
            self.signal = number
        elif not self._in_slurm or number == signal.SIGINT:
            os._exit(128 + number)
