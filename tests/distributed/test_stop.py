"""Several workers stop together, and no signal to one of them is lost."""

import signal

from exp.distributed.stop import AgreedStop
from exp.system.signals import StopRequest


def test_what_is_agreed_is_the_answer():
    answers = iter([None, signal.SIGTERM])
    with StopRequest() as own:
        stop = AgreedStop(own, lambda _: next(answers))
        assert not stop.asked()
        assert stop.asked()
        assert own.signal == signal.SIGTERM


def test_a_signal_that_comes_while_they_agree_is_told_at_the_next_call():
    """All must get the same answer now, which the others have already."""
    told: list[int | None] = []
    with StopRequest() as own:

        def agree(signal_here: int | None) -> int | None:
            told.append(signal_here)
            if len(told) == 1:
                own.ask(signal.SIGINT)
                return None
            return signal_here

        stop = AgreedStop(own, agree)
        assert not stop.asked()
        assert stop.asked()
    assert told == [None, signal.SIGINT]
