"""How the workers of a run meet at the chief's address before TensorFlow is imported; no run begins without all.

Each follower calls the chief at the very address where TensorFlow's server will listen, and the chief calls the
follower back at its own. So a sentence names an address that is wrong, unreachable or taken, or a worker that would not
train the same. The connections stay open; the addresses are free again for TensorFlow afterwards.
"""

import contextlib
import errno
import hashlib
import secrets
import select
import socket
import time
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from exp.config.flat import flat_config
from exp.config.targets import target_names
from exp.distributed.channel import Channel
from exp.distributed.cluster import Cluster, split_address
from exp.distributed.workers import Workers
from exp.errors import UserError
from exp.system.machine import visible_gpus
from exp.system.provenance import code_of, package_versions
from exp.terminal.words import counted

PROTOCOL = 1
_SECONDS_FOR_A_CALL = 5.0
_MOST_DIFFERENCES = 5


def facts_of(tree: Mapping[str, Any], *, what: str) -> dict[str, Any]:
    """The facts that must be the same in all workers, as plain data.

    Args:
        tree: the configuration.
        what: names what is to be done, such as the test of a certain run.
    """
    code = code_of(target_names(tree)).facts
    states = {"exp": code["git"], **code["code"]}
    return {
        "run": what,
        "configuration": flat_config(tree, threads=None, choices={}),
        "packages": package_versions(("tensorflow", "keras", "numpy")),
        "code of exp": _source_digest(),
        "git commits": {name: state["commit"] if state else None for name, state in states.items()},
        "number of GPUs": len(visible_gpus()),
    }


def meet(
    cluster: Cluster, facts: Mapping[str, Any], *, folder: Path, check: Callable[[], None] | None = None
) -> Workers:
    """Wait for all workers, and make sure that they can train together.

    Args:
        cluster: all workers, and the number of this one.
        facts: made by `facts_of`.
        folder: the run folder; all use that of the chief.
        check: called now and then while the chief waits; may raise.

    Raises:
        UserError: a worker did not come, cannot be reached, or would not train the same.
    """
    with _listen(cluster) as listener:
        if cluster.is_chief:
            channels = _receive_all(cluster, facts, listener, check or (lambda: None))
            for channel in channels.values():
                channel.send("welcome", folder=str(folder.absolute()))
            return Workers(cluster, channels, folder)
        channel, welcome = _arrive(cluster, facts, listener)
        return Workers(cluster, {0: channel}, Path(str(welcome["folder"])))


def _listen(cluster: Cluster) -> socket.socket:
    """Listen at this worker's own address, as TensorFlow's server will."""
    address = cluster.addresses[cluster.index]
    host, port = split_address(address)
    try:
        resolved = socket.gethostbyname(host)
        # A host's own name often means the loopback interface to itself, where nobody else could call.
        local = host == "localhost" or host.startswith("127.")
        return socket.create_server((resolved if local else "", port))
    except OSError as error:
        reason = "the port is in use" if error.errno == errno.EADDRINUSE else _reason(error)
        raise UserError(
            f"{cluster.source}: worker {cluster.index} cannot listen at {address}: {reason}{_another_port(cluster)}"
        ) from None


def _receive_all(
    cluster: Cluster, facts: Mapping[str, Any], listener: socket.socket, check: Callable[[], None]
) -> dict[int, Channel]:
    deadline = time.monotonic() + cluster.timeout
    channels: dict[int, Channel] = {}
    listener.settimeout(0.2)
    try:
        while len(channels) < cluster.size - 1:
            check()
            missing = [cluster.name(index) for index in range(1, cluster.size) if index not in channels]
            if time.monotonic() > deadline:
                raise UserError(
                    f"{cluster.source}: {', '.join(missing)} did not come within "
                    f"{counted(round(cluster.timeout), 'second')} (device.timeout)"
                )
            with contextlib.suppress(TimeoutError):
                _receive_one(cluster, facts, listener.accept()[0], channels)
    except BaseException as error:
        for channel in channels.values():
            channel.try_to_send("refused", why=str(error) or type(error).__name__)
            channel.close()
        raise
    return channels


def _receive_one(
    cluster: Cluster, facts: Mapping[str, Any], connection: socket.socket, channels: dict[int, Channel]
) -> None:
    """Let a worker in; hang up on anyone who is none."""
    channel = Channel(connection)
    try:
        hello = channel.receive(_SECONDS_FOR_A_CALL) or {}
        known = hello.get("protocol") == PROTOCOL and hello.get("secret") == cluster.secret
        index = int(hello["index"]) if known else 0
    except (OSError, ValueError, KeyError):
        known, index = False, 0
    if not known or index not in range(1, cluster.size) or index in channels:
        channel.close()
        return
    channels[index] = channel
    problem = _difference(cluster, index, hello, facts) or _unreachable(cluster, index, str(hello.get("nonce")))
    if problem:
        raise UserError(problem)


def _difference(cluster: Cluster, index: int, hello: Mapping[str, Any], facts: Mapping[str, Any]) -> str | None:
    theirs = {"addresses": hello.get("addresses"), **hello.get("facts", {})}
    for what, mine in {"addresses": list(cluster.addresses), **facts}.items():
        other = theirs.get(what)
        if other == mine:
            continue
        if isinstance(mine, dict) and isinstance(other, dict):
            keys = sorted(key for key in mine.keys() | other.keys() if mine.get(key) != other.get(key))
            listed = [f"{key} is {other.get(key)} there and {mine.get(key)} here" for key in keys[:_MOST_DIFFERENCES]]
            more = [f"and {len(keys) - _MOST_DIFFERENCES} more"] if len(keys) > _MOST_DIFFERENCES else []
            detail = ", ".join([*listed, *more])
        else:
            detail = f"{other} there and {mine} here"
        return f"{cluster.name(index)} differs from worker 0 in its {what}: {detail}"
    return None


def _unreachable(cluster: Cluster, index: int, nonce: str) -> str | None:
    """Call a worker back at its address in the cluster; returns what is wrong, if anything is."""
    try:
        connection = _call(cluster.addresses[index], _SECONDS_FOR_A_CALL)
    except OSError as error:
        return f"{cluster.name(index)} came, but cannot be reached at its address: {_reason(error)}"
    with connection, contextlib.suppress(OSError):  # another server may be waiting to be asked
        if connection.recv(64).decode(errors="replace") == nonce:
            return None
    return f"{cluster.name(index)} came, but something else answers at its address{_another_port(cluster)}"


def _another_port(cluster: Cluster) -> str:
    return "; device.port chooses another" if cluster.source == "Slurm" else ""


def _arrive(cluster: Cluster, facts: Mapping[str, Any], listener: socket.socket) -> tuple[Channel, Mapping[str, Any]]:
    channel = Channel(_call_chief(cluster))
    nonce = secrets.token_hex(8)
    try:
        channel.send(
            "hello",
            protocol=PROTOCOL,
            secret=cluster.secret,
            index=cluster.index,
            addresses=list(cluster.addresses),
            facts=facts,
            nonce=nonce,
        )
        # The chief itself waits no longer than that for the last worker, and says who it is.
        deadline = time.monotonic() + cluster.timeout + 2 * _SECONDS_FOR_A_CALL
        while True:
            ready, _, _ = select.select(
                [listener.fileno(), channel.fileno()], [], [], max(0.0, deadline - time.monotonic())
            )
            if not ready:
                raise UserError(f"{cluster.name(0)} does not answer")
            if channel.fileno() in ready:
                break
            with listener.accept()[0] as connection:
                connection.sendall(nonce.encode())
        answer = channel.receive(_SECONDS_FOR_A_CALL)
    except (OSError, ValueError) as error:
        channel.close()
        if isinstance(error, UserError):
            raise
        if isinstance(error, ValueError):
            raise _stranger(cluster) from None
        raise UserError(f"{cluster.name(0)} hung up before the run began: {_reason(error)}") from None
    if answer is not None and answer["kind"] == "welcome" and "folder" in answer:
        return channel, answer
    channel.close()
    if answer is None:
        raise UserError(f"{cluster.name(0)} hung up before the run began")
    raise UserError(str(answer["why"])) if "why" in answer else _stranger(cluster)


def _stranger(cluster: Cluster) -> UserError:
    """The error for an answer at the chief's address that is not the chief's."""
    return UserError(
        f"{cluster.source}: something else than {cluster.name(0)}, the chief, answers at its address: another program "
        f"has that port{_another_port(cluster)}"
    )


def _call_chief(cluster: Cluster) -> socket.socket:
    deadline = time.monotonic() + cluster.timeout
    while True:
        try:
            return _call(cluster.addresses[0], max(0.1, min(_SECONDS_FOR_A_CALL, deadline - time.monotonic())))
        except OSError as error:
            if isinstance(error, socket.gaierror) or time.monotonic() > deadline:
                raise UserError(
                    f"{cluster.source}: worker {cluster.index} cannot reach {cluster.name(0)}, the chief: "
                    f"{_reason(error)}; tried for {counted(round(cluster.timeout), 'second')} at the most "
                    "(device.timeout)"
                ) from None
        time.sleep(0.1)


def _call(address: str, timeout: float) -> socket.socket:
    return socket.create_connection(split_address(address), timeout=timeout)


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _source_digest() -> str:
    """The first 16 digits of the SHA-256 over the Python files of this package."""
    digest = hashlib.sha256()
    root = Path(str(resources.files("exp")))
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
