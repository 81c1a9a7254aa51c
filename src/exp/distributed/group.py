"""The processes that train together: the `Group` protocol, and `Alone`, a group of one.

`exp.distributed.workers` has the group of several. A run calls its group in the same places whatever its size; in a
group of one there is nobody to wait for, so every answer is immediate.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from exp.distributed.cluster import Cluster
from exp.distributed.stop import Stop
from exp.system.signals import StopRequest


class Group(Protocol):
    """The processes that train one model. All of them run the same code and make these calls in the same order."""

    @property
    def cluster(self) -> Cluster | None:
        """Where the processes are; None if there is only this one."""

    @property
    def size(self) -> int:
        """Number of processes."""

    @property
    def index(self) -> int:
        """The number of this process, from 0."""

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run folder: number 0 does."""

    def stop(self, request: StopRequest) -> Stop:
        """Make the request of this process one of the whole group: a signal to any of them stops all of them."""

    def same(self, what: str, facts: Callable[[], Mapping[str, Any]]) -> None:
        """Wait until all are here, and make sure that they bring the same.

        Args:
            what: names the facts in a message.
            facts: makes the facts of this process; called only if there is somebody to compare them with.

        Raises:
            WorkerLost: another worker is gone, or brings something else.
        """

    def abort_by(self, abort: Callable[[str], None]) -> None:
        """Name what makes TensorFlow stop waiting for a worker that is lost; it gets the reason."""

    def keep_signals(self) -> None:
        """Take signals back from TensorFlow, whose server for workers handles SIGTERM itself."""

    def wait_for_chief(self) -> None:
        """Let the chief do first what all are about to do, such as making files that all then read.

        Raises:
            WorkerLost: another worker is gone.
            Stopped: a signal has asked the chief to stop meanwhile.
        """

    def chief_done(self) -> None:
        """Let the others continue after `wait_for_chief`."""

    def all_stopped(self, signal: int | None) -> int | None:
        """Stop the whole group before training.

        Args:
            signal: that this process was sent, if any.

        Returns:
            The signal that the chief was sent.
        """

    def loss_behind(self, error: BaseException) -> str | None:
        """The loss of a worker that caused an error; None if none did."""

    def close(self, error: str | None = None) -> None:
        """Leave the group: tell the others the error, if there was one; else wait until they leave too."""


class Alone:
    """A `Group` of one process."""

    cluster = None
    size = 1
    index = 0
    is_chief = True

    def stop(self, request: StopRequest) -> Stop:
        """The request itself."""
        return request

    def same(self, what: str, facts: Callable[[], Mapping[str, Any]]) -> None:
        """Compare nothing."""

    def abort_by(self, abort: Callable[[str], None]) -> None:
        """Nothing waits for another worker."""

    def keep_signals(self) -> None:
        """TensorFlow starts no server here, and leaves signals alone."""

    def wait_for_chief(self) -> None:
        """Continue at once: this process is the chief."""

    def chief_done(self) -> None:
        """Nobody waits."""

    def all_stopped(self, signal: int | None) -> int | None:
        """The signal of this process."""
        return signal

    def loss_behind(self, error: BaseException) -> str | None:
        """None: nobody can be lost."""
        return None

    def close(self, error: str | None = None) -> None:
        """Nobody has to be told."""
