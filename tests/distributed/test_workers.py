"""What workers tell each other, between two of them in one process."""

import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from exp.distributed.channel import Channel
from exp.distributed.cluster import Cluster
from exp.distributed.workers import Workers
from exp.system.signals import Stopped


@pytest.fixture
def both() -> Iterator[tuple[Workers, Workers]]:
    """The chief and a follower, who listen to each other."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        there = socket.create_connection(server.getsockname())
        here = server.accept()[0]
    addresses = ("127.0.0.1:1", "127.0.0.1:2")
    all_workers = tuple(
        Workers(Cluster(addresses, index, "test", timeout=20.0), {1 - index: Channel(connection)}, Path())
        for index, connection in enumerate((here, there))
    )
    for workers in all_workers:
        workers.watch()
    yield all_workers
    closing = [threading.Thread(target=workers.close) for workers in all_workers]
    for thread in closing:
        thread.start()
    for thread in closing:
        thread.join()


def test_a_follower_that_waits_for_the_chief_stops_with_it(both):
    """A signal while the chief loads data: nobody waits for what does not come, and all have the same status."""
    chief, follower = both
    assert chief.all_stopped(signal.SIGTERM) == signal.SIGTERM
    with pytest.raises(Stopped):
        follower.wait_for_chief()
    assert follower.all_stopped(None) == signal.SIGTERM


def test_all_stop_after_the_same_call(both):
    chief, follower = both
    answers = []
    asking = threading.Thread(target=lambda: answers.extend(follower.agree(n) for n in (None, signal.SIGHUP, None)))
    asking.start()
    agreed = [chief.agree(None)]
    asking.join(0.2)
    agreed += [chief.agree(None) for _ in range(2)]
    asking.join(20)
    assert answers == agreed
    assert agreed[0] is None
