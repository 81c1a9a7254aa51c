"""A group of one answers at once, and never asks what nobody else would compare."""

import inspect
import signal

import pytest

from exp.distributed import Alone, Group, Workers
from exp.system.signals import Stopped, StopRequest


def test_alone_this_process_is_the_chief():
    group: Group = Alone()
    assert (group.size, group.index, group.is_chief, group.cluster) == (1, 0, True, None)


def test_alone_nothing_is_waited_for():
    group: Group = Alone()
    group.abort_by(pytest.fail)
    group.keep_signals()
    group.wait_for_chief()
    group.chief_done()
    assert group.loss_behind(ConnectionError("a socket of the user's own")) is None
    group.close("a reason")


def test_alone_facts_are_not_even_made():
    Alone().same("weights", lambda: pytest.fail("a digest of all weights takes time"))


def test_alone_the_stop_is_that_of_the_process():
    request = StopRequest()
    stop = Alone().stop(request)
    assert not stop.asked()
    stop.check()
    request.ask(signal.SIGTERM)
    assert stop.asked()
    with pytest.raises(Stopped):
        stop.check()
    assert Alone().all_stopped(request.signal) == signal.SIGTERM


@pytest.mark.parametrize("kind", [Alone, Workers])
def test_every_group_has_the_calls_of_the_protocol(kind):
    """A type checker sees the types; this sees that arguments have the same names."""
    for name, call in inspect.getmembers(Group, inspect.isfunction):
        if not name.startswith("_"):
            assert list(inspect.signature(getattr(kind, name)).parameters) == list(inspect.signature(call).parameters)
