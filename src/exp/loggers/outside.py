"""Loggers outside of the run's own files: a server, the user's own. What they do, the run never waits for.

Each works in a daemon thread with a bounded queue. If it fails, hangs or does not keep up, it is turned off for the
rest of the run, and the person is told once. A daemon thread does not keep the process from ending.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from exp.loggers.logger import LossRow
from exp.system.own_code import told

log = logging.getLogger("exp")

METHODS = ("losses", "metrics", "summaries", "histograms", "image", "graph", "hparams", "ended", "flush", "close")
"""What a logger may have; it is not told what it has no method for."""
MOST_CALLS, MOST_BYTES = 10_000, 2**28
"""What may wait in a queue: calls, and bytes of arrays."""
SECONDS_TO_FLUSH = 1.0
"""Seconds from one `flush` to the next: what comes in between can be sent together."""
SECONDS_TO_HANG = 60.0
"""A call that takes longer counts as hanging."""
SECONDS_TO_END = 10.0
"""Seconds that all loggers together have at the end of a run."""
SECONDS_UNTIL_TOLD = 1.0
"""The person is told what is waited for if it takes longer."""

Say = Callable[[str], None]
_Call = tuple[str, tuple[Any, ...], int]
"""A method, its arguments, and the bytes of their arrays."""


class OutsideLogger:
    """A `Logger` that hands everything on to another one, which is made and called in a thread of its own."""

    def __init__(self, name: str, make: Callable[[], Any], *, say: Say) -> None:
        """Begin the thread.

        Args:
            name: of the logger, in the configuration.
            make: gives the logger, which has some of `METHODS`. It may fail or hang, as its methods may.
            say: tells the person.
        """
        self.name, self._say = name, say
        self._makers = [make]
        self._calls: queue.Queue[_Call] = queue.Queue(MOST_CALLS)
        self._bytes = 0
        self._lock = threading.Lock()
        self._off = False
        self._busy_since: float | None = None
        self._taken = self._arrived = 0
        self._thread = threading.Thread(target=self._work, name=f"logger {name}", daemon=True)
        self._thread.start()

    def losses(self, rows: Sequence[LossRow]) -> None:
        """Hand losses on."""
        self._put("losses", rows)

    def metrics(self, step: int, metrics: Mapping[str, float]) -> None:
        """Hand metrics on."""
        self._put("metrics", step, metrics)

    def summaries(self, step: int, summaries: Mapping[str, Any]) -> None:
        """Hand summaries on."""
        self._put("summaries", step, summaries, size=_size(summaries))

    def histograms(self, step: int, arrays: Mapping[str, Any]) -> None:
        """Hand histograms on."""
        self._put("histograms", step, arrays, size=_size(arrays))

    def image(self, step: int, tag: str, image: Any) -> None:
        """Hand an image on."""
        self._put("image", step, tag, image, size=_size({tag: image}))

    def graph(self, definition: Any) -> None:
        """Hand a graph on."""
        self._put("graph", definition)

    def hparams(self, config: Mapping[str, Any]) -> None:
        """Hand the configuration on."""
        self._put("hparams", config)

    def ended(self, step: int, status: str) -> None:
        """Hand the status on."""
        self._put("ended", step, status)

    def flush(self) -> None:
        """Nothing waits for this logger; it is flushed in its own time."""

    def close(self) -> None:
        """Have it write what is left and close; `wait` waits for that."""
        self._put("close")

    def wait(self, *, until: float) -> None:
        """Wait for its end, but not longer than until a time of `time.monotonic`; then it is turned off."""
        if self._off:
            return
        self._thread.join(min(SECONDS_UNTIL_TOLD, max(0.0, until - time.monotonic())))
        if self._thread.is_alive():
            left = max(0.0, until - time.monotonic())
            self._say(f"waiting up to {left:.0f} s for logger {self.name}")
            self._thread.join(left)
        if self._thread.is_alive():
            self._turn_off("did not take everything in time")

    def _put(self, method: str, *arguments: Any, size: int = 0) -> None:
        """Queue a call; returns at once, whatever the logger does."""
        if self._off:
            return
        busy = self._busy_since
        if busy is not None and time.monotonic() - busy > SECONDS_TO_HANG:
            self._turn_off(f"hangs: a call has taken more than {SECONDS_TO_HANG:.0f} s")
            return
        with self._lock:
            self._bytes += size
            too_large = self._bytes > MOST_BYTES and self._bytes > size
        try:
            if too_large:
                raise queue.Full
            self._calls.put_nowait((method, arguments, size))
        except queue.Full:
            self._turn_off("does not keep up")

    def _work(self) -> None:
        try:
            self._call_all()
        except BaseException as error:  # a user's code may also end its thread
            log.info("logger %s failed", self.name, exc_info=error)
            self._turn_off(f"failed: {told(error)}")

    def _call_all(self) -> None:
        self._busy_since = time.monotonic()
        logger = self._makers.pop()()  # what it holds, such as all rows so far, is not needed any longer
        if not any(callable(getattr(logger, method, None)) for method in METHODS):
            raise TypeError(f"has none of the methods {', '.join(METHODS)}")
        self._busy_since = None
        flushed, unflushed = time.monotonic(), False
        while not self._off:
            due = flushed + SECONDS_TO_FLUSH - time.monotonic() if unflushed else None
            try:
                method, arguments, size = self._calls.get(timeout=None if due is None else max(0.0, due))
            except queue.Empty:
                method, arguments, size = "flush", (), 0
            self._call(logger, method, *arguments)
            with self._lock:
                self._bytes -= size
            if method == "close":
                return
            unflushed = method != "flush"
            if not unflushed or time.monotonic() - flushed >= SECONDS_TO_FLUSH:
                self._call(logger, "flush")
                flushed, unflushed, self._arrived = time.monotonic(), False, self._taken

    def _call(self, logger: Any, method: str, *arguments: Any) -> None:
        function = getattr(logger, method, None)
        if callable(function):
            self._busy_since = time.monotonic()
            function(*arguments)
            self._busy_since = None
        if method == "losses":
            self._taken = arguments[0][-1].step

    def _turn_off(self, why: str) -> None:
        """Tell the person, once, and forget what waits."""
        with self._lock:
            told_already, self._off = self._off, True
        if not told_already:
            had = f"what was logged after step {self._arrived}" if self._arrived else "what was logged"
            self._say(
                f"logger {self.name}: {why}; it is off for the rest of this run, and {had} may not have arrived there"
            )
        while not self._calls.empty():
            try:
                self._calls.get_nowait()
            except queue.Empty:
                break


class OutsideLoggers:
    """The outside loggers of a run, which end together, after its results are written."""

    def __init__(self) -> None:
        """There are none yet."""
        self.all: list[OutsideLogger] = []

    def close(self) -> None:
        """Wait for all of them for a few seconds."""
        loggers, self.all = self.all, []
        for logger in loggers:
            logger.close()
        until = time.monotonic() + SECONDS_TO_END
        for logger in loggers:
            logger.wait(until=until)


def _size(arrays: Mapping[str, Any]) -> int:
    return sum(getattr(array, "nbytes", 0) for array in arrays.values())
