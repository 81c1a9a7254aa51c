"""What a run tells its loggers: the `Logger` protocol, and `Loggers`, which passes everything on to none or several.

A new kind of log is one class that has methods of `Logger`, behind an `exp.loggers.outside.OutsideLogger`.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import numpy as np

REWRITTEN = ("test/", "validation/", "train/batches")
"""Prefixes of the tags that a resumed run writes anew, and that are dropped from its step on."""
MOST_WAITING = 2
"""Number of summaries or histograms that may wait to be written: each can be as large as the model."""


class LossRow(NamedTuple):
    """What is logged of a training step."""

    step: int
    """The number of the step, from 1 on."""
    loss: float
    """The mean loss of the global batch."""
    epoch: int
    """The number of the epoch that the step is in, from 0 on."""
    others: Mapping[str, float] = MappingProxyType({})
    """Further losses of a step of one's own, by name."""

    def tagged(self) -> dict[str, float]:
        """The further losses by the names that records and event files have, such as `train/generator`."""
        return tagged(self.others)


def tagged(losses: Mapping[str, float]) -> dict[str, float]:
    """Further losses of a training step by the names that records and event files have."""
    return {f"train/{name}": value for name, value in losses.items()}


class Logger(Protocol):
    """Writes what a run logs, in the order of the calls; steps rise. It ignores what it cannot show."""

    def losses(self, rows: Sequence[LossRow]) -> None:
        """Log the mean training losses of global batches."""

    def metrics(self, step: int, metrics: Mapping[str, float]) -> None:
        """Log what was measured after a step, such as `test/accuracy`."""

    def summaries(self, step: int, summaries: Mapping[str, Any]) -> None:
        """Log what the model itself logs in a step, by the keys of `exp.loggers.collect`."""

    def histograms(self, step: int, arrays: Mapping[str, Any]) -> None:
        """Log the distributions of arrays after a step, by tag."""

    def image(self, step: int, tag: str, image: Any) -> None:
        """Log a (height, width, 1 or 3) uint8 image."""

    def graph(self, definition: Any) -> None:
        """Log the graph that was traced, a `GraphDef`."""

    def hparams(self, config: Mapping[str, Any]) -> None:
        """Log the configuration, by dotted key."""

    def ended(self, step: int, status: str) -> None:
        """Log how the run ended."""

    def flush(self) -> None:
        """Hand everything to the operating system.

        Raises:
            OSError, tf.errors.OpError: something could not be written, now or earlier.
        """

    def close(self) -> None:
        """Write what is left, and close."""


class Loggers:
    """A `Logger` that passes everything on to others, in a thread of its own: training does not wait for its logs.

    There is one queue, so that all loggers keep the order of the calls. What went wrong is raised by the next `flush`,
    which any thread may call.
    Without loggers nothing happens at all.
    """

    def __init__(self, files: Sequence[Logger], outside: Sequence[Logger] = ()) -> None:
        """Begin the thread.

        Args:
            files: write the run folder; an error of theirs is the run's, and `close` closes them.
            outside: are told after them, take every call at once, and are closed by others, later.
        """
        self._files, self._loggers = tuple(files), (*files, *outside)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="loggers")
        self._pending: list[Future[None]] = []
        self._lock = threading.Lock()
        self._room = threading.BoundedSemaphore(MOST_WAITING)

    def losses(self, rows: Sequence[LossRow]) -> None:
        """Log losses; most calls have no rows, because a loss is logged at every `summary.every`-th step only."""
        if rows:
            self._later(lambda logger: logger.losses(rows))

    def metrics(self, step: int, metrics: Mapping[str, float]) -> None:
        """Log metrics as they are now."""
        copied = dict(metrics)
        self._later(lambda logger: logger.metrics(step, copied))

    def summaries(self, step: int, summaries: Mapping[str, Any]) -> None:
        """Log summaries as they are now; this waits while `MOST_WAITING` wait to be written."""
        self._arrays_later(summaries, lambda logger, arrays: logger.summaries(step, arrays))

    def histograms(self, step: int, arrays: Mapping[str, Any]) -> None:
        """Log histograms; this waits while `MOST_WAITING` wait to be written."""
        self._arrays_later(arrays, lambda logger, converted: logger.histograms(step, converted))

    def image(self, step: int, tag: str, image: Any) -> None:
        """Log an image, which must not change afterwards."""
        self._later(lambda logger: logger.image(step, tag, image))

    def graph(self, definition: Any) -> None:
        """Log a graph."""
        self._later(lambda logger: logger.graph(definition))

    def hparams(self, config: Mapping[str, Any]) -> None:
        """Log the configuration."""
        self._later(lambda logger: logger.hparams(config))

    def ended(self, step: int, status: str) -> None:
        """Log how the run ended."""
        self._later(lambda logger: logger.ended(step, status))

    def flush(self) -> None:
        """Wait until everything is handed to the operating system.

        Raises:
            OSError, tf.errors.OpError: something could not be written, now or earlier.
        """
        self._later(lambda logger: logger.flush())
        with self._lock:
            pending, self._pending = self._pending, []
        for one in pending:
            one.result()

    def begin_again(self, make: Callable[[], Sequence[Logger]]) -> None:
        """Write what is left, close the loggers of the folder, and go on with others, which are made then.

        The outside loggers go on: they are told of some steps again.
        """
        self.flush()
        outside = self._loggers[len(self._files) :]
        for logger in self._files:
            logger.close()
        self._files = tuple(make()) if self._loggers else ()
        self._loggers = (*self._files, *outside)

    def close(self) -> None:
        """Write what is left, and close the loggers of the folder."""
        try:
            self.flush()
        finally:
            self._thread.shutdown()
            for logger in self._files:
                logger.close()

    def _arrays_later(self, values: Mapping[str, Any], write: Callable[[Logger, Mapping[str, Any]], None]) -> None:
        """Have arrays or tensors written; they are converted to arrays once for all loggers, in the thread."""
        if self._loggers:
            self._room.acquire()
            self._submit(self._write_arrays, dict(values), write)

    def _write_arrays(self, values: Mapping[str, Any], write: Callable[[Logger, Mapping[str, Any]], None]) -> None:
        try:
            arrays = {key: np.asarray(value) for key, value in values.items()}
        finally:
            self._room.release()
        for logger in self._loggers:
            write(logger, arrays)

    def _later(self, write: Callable[[Logger], None]) -> None:
        if self._loggers:
            self._submit(self._write, write)

    def _write(self, write: Callable[[Logger], None]) -> None:
        for logger in self._loggers:
            write(logger)

    def _submit(self, work: Callable[..., None], *arguments: Any) -> None:
        """Have the thread do something, after all that came before it."""
        with self._lock:
            self._pending = [one for one in self._pending if not one.done() or one.exception()]
            self._pending.append(self._thread.submit(work, *arguments))
