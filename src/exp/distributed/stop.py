"""A stop that all workers make after the same step."""

from exp.distributed.group import Team
from exp.system.signals import Stopped, StopRequest


class AgreedStop:
    """Stands for `StopRequest` in the loop: a signal to any worker stops all of them."""

    def __init__(self, own: StopRequest, team: Team) -> None:
        self._own, self._team = own, team

    def asked(self) -> bool:
        """Whether to stop now; every worker gets the same answer.

        Raises:
            WorkerLost: another worker is gone.
        """
        self._own.signal = self._team.agree(self._own.signal)
        return self._own.signal is not None

    def check(self) -> None:
        """Leave long work, if it is time to stop; every worker does so at the same call.

        Raises:
            Stopped: it is.
            WorkerLost: another worker is gone.
        """
        if self.asked():
            raise Stopped
