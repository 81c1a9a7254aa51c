"""Workers that meet a stranger: another program that has the port of one of them."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from exp.distributed.channel import Channel
from exp.distributed.cluster import Cluster
from exp.distributed.handshake import PROTOCOL, meet
from exp.errors import UserError


class Quiet(BaseHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Nothing."""


@pytest.fixture
def stranger() -> Iterator[str]:
    """The address of a web server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize(("source", "remedy"), [("TF_CONFIG", ""), ("Slurm", "; device.port chooses another")])
def test_a_follower_says_that_something_else_answers_at_the_chiefs_address(stranger, tmp_path, source, remedy):
    cluster = Cluster(addresses=(stranger, free_address()), index=1, source=source, timeout=20)
    with pytest.raises(UserError) as error:
        meet(cluster, {}, folder=tmp_path)
    assert str(error.value) == (
        f"{source}: something else than worker 0 ({stranger}), the chief, answers at its address: another program has "
        f"that port{remedy}"
    )


def test_the_chief_says_that_something_else_answers_at_a_followers_address(stranger, tmp_path):
    chief = free_address()
    cluster = Cluster(addresses=(chief, stranger), index=0, source="TF_CONFIG", timeout=20)

    def follow() -> None:
        host, port = chief.split(":")
        while True:
            try:
                connection = socket.create_connection((host, int(port)), timeout=20)
                break
            except ConnectionRefusedError:
                continue
        channel = Channel(connection)
        hello = {"protocol": PROTOCOL, "secret": "", "index": 1, "addresses": [chief, stranger], "facts": {}}
        channel.send("hello", nonce="x", **hello)
        channel.receive(20)
        channel.close()

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    with pytest.raises(UserError) as error:
        meet(cluster, {}, folder=tmp_path)
    follower.join(20)
    assert str(error.value) == f"worker 1 ({stranger}) came, but something else answers at its address"


def test_a_port_that_is_taken_is_said_to_be(stranger, tmp_path):
    cluster = Cluster(addresses=(free_address(), stranger), index=1, source="TF_CONFIG", timeout=20)
    with pytest.raises(UserError, match=r"cannot listen at .*: the port is in use"):
        meet(cluster, {}, folder=tmp_path)
