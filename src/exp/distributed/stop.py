"""A stop that all workers make after the same step."""

from collections.abc import Callable
from typing import Protocol

from exp.system.signals import Stopped, StopRequest


class Stop(Protocol):
    """Whether a run was asked to stop, by a signal to this process or to another worker."""

    def asked(self) -> bool:
        """Whether to stop now."""

    def check(self) -> None:
        """Leave long work if it is time to stop.

        Raises:
            Stopped: it is.
        """


class AgreedStop:
    """A `Stop` of several workers: a signal to any of them stops all of them, at the same call."""

    def __init__(self, own: StopRequest, agree: Callable[[int | None], int | None]) -> None:
        """Stop together with others.

        Args:
            own: what this process is asked; it takes over the signal that all stop for.
            agree: as `Workers.agree`.
        """
        self._own, self._agree = own, agree

    def asked(self) -> bool:
        """Whether to stop now; every worker gets the same answer.

        Raises:
            WorkerLost: another worker is gone.
        """
        self._own.insist()  # TensorFlow may take SIGTERM for itself late, once its servers are connected
        agreed = self._agree(self._own.signal)
        if agreed is not None:  # a signal that came meanwhile is not forgotten: the others hear of it at the next call
            self._own.signal = agreed
        return agreed is not None

    def check(self) -> None:
        """Leave long work if it is time to stop; every worker does so at the same call.

        Raises:
            Stopped: it is.
            WorkerLost: another worker is gone.
        """
        if self.asked():
            raise Stopped
