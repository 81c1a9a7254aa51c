"""The cluster of `device=workers`: which processes train together, and which of them is this one. No TensorFlow."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exp.config import Device, WorkersDevices
from exp.errors import UserError


@dataclass(frozen=True)
class Cluster:
    """The workers that train together; number 0 is the chief, which writes the run folder."""

    addresses: tuple[str, ...]
    """HOST:PORT of each worker, where its TensorFlow server listens."""
    index: int
    """The number of this process."""
    source: str
    """The name of what described the cluster, for messages."""
    secret: str = ""
    """A text that all workers know; a process that does not know it is not let in."""
    timeout: float = 60.0
    """Seconds to wait for a worker to come; one that is silent for half of that is lost."""
    local: bool = False
    """Whether the chief started the others, on its own machine."""

    @property
    def size(self) -> int:
        """Number of workers."""
        return len(self.addresses)

    @property
    def is_chief(self) -> bool:
        """Whether this process is the one that writes."""
        return self.index == 0

    def name(self, index: int) -> str:
        """The name of a worker in messages."""
        return f"worker {index} ({self.addresses[index]})"


def find_cluster(device: Device, environment: Mapping[str, str] | None = None) -> Cluster | None:
    """The cluster that the environment describes; None without `device=workers`, and with `device.local`.

    Args:
        device: the layout.
        environment: the variables to look at; None: those of this process.

    Raises:
        UserError: there is none, or it cannot be understood.
    """
    if not isinstance(device, WorkersDevices):
        return None
    environment = os.environ if environment is None else environment
    described = environment.get("TF_CONFIG")
    if device.local is not None:
        if described:
            raise UserError(
                f"device.local={device.local}: TF_CONFIG describes a cluster too; unset it, or leave out device.local"
            )
        return None
    if described:
        return _from_tf_config(described, device)
    if "SLURM_PROCID" in environment:
        return _from_slurm(environment, device)
    raise UserError(
        "device.local=null: there is neither TF_CONFIG nor Slurm (srun) to name the workers; "
        "device.local=2 starts two on this machine"
    )


def in_cluster() -> bool:
    """Whether this process was started as one of a cluster, whatever its configuration says."""
    return "TF_CONFIG" in os.environ or "SLURM_PROCID" in os.environ


def _from_tf_config(text: str, device: WorkersDevices) -> Cluster:
    example = '{"cluster": {"worker": ["HOST:PORT", ...]}, "task": {"type": "worker", "index": 0}}'
    try:
        given = json.loads(text)
        jobs, task = given["cluster"], given["task"]
        kind, index = str(task["type"]), int(task["index"])
        others = sorted(set(jobs) - {"chief", "worker"})
        addresses = [*jobs.get("chief", []), *jobs.get("worker", [])]
        position = index + (len(jobs.get("chief", [])) if kind == "worker" else 0)
        if index < 0 or index >= len(jobs[kind]) or not all(isinstance(address, str) for address in addresses):
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"TF_CONFIG={text}: must be like {example}, with a task of that cluster") from None
    if others or kind not in ("chief", "worker"):
        raise UserError(f"TF_CONFIG: names {', '.join(others) or kind} tasks; exp trains with chief and worker only")
    return _checked(addresses, position, "TF_CONFIG", secret="", device=device)


def _from_slurm(environment: Mapping[str, str], device: WorkersDevices) -> Cluster:
    """The cluster that `srun` describes to each task.

    TensorFlow's own `SlurmClusterResolver` cannot be asked before TensorFlow is imported, fails on nodes without a GPU,
    and sorts the nodes' names as text, so that ranks and nodes do not agree if there is a node9 and a node10
    (TensorFlow 2.21).
    """
    try:
        index = int(environment["SLURM_PROCID"])
        hosts = expand_hosts(environment["SLURM_STEP_NODELIST"])
        counts = _expand_counts(environment["SLURM_STEP_TASKS_PER_NODE"])
        addresses = [
            f"{host}:{device.port + number}"
            for host, count in zip(hosts, counts, strict=True)
            for number in range(count)
        ]
        if index >= len(addresses) or len(addresses) != int(environment["SLURM_STEP_NUM_TASKS"]):
            raise ValueError
    except (KeyError, ValueError):
        names = ("PROCID", "STEP_NODELIST", "STEP_TASKS_PER_NODE", "STEP_NUM_TASKS")
        found = ", ".join(f"SLURM_{name}={environment.get(f'SLURM_{name}')}" for name in names)
        raise UserError(
            f"Slurm's environment does not describe the step ({found}); start the workers with srun"
        ) from None
    secret = "-".join(environment.get(f"SLURM_{name}", "") for name in ("JOB_ID", "STEP_ID"))
    return _checked(addresses, index, "Slurm", secret=secret, device=device)


def expand_hosts(names: str) -> list[str]:
    """Slurm's short form of hosts, in its order: `node[9-11],gpu1` is node9, node10, node11, gpu1.

    Raises:
        ValueError: it is not such a form.
    """
    hosts = []
    for part in re.findall(r"(?:[^,\[]|\[[^\]]*\])+", names):
        found = re.fullmatch(r"([^\[\]]+)(?:\[([0-9,-]+)\])?", part)
        if found is None:
            raise ValueError(part)
        prefix, ranges = found.groups()
        if ranges is None:
            hosts.append(prefix)
            continue
        for one in ranges.split(","):
            first, _, last = one.partition("-")
            hosts += [f"{prefix}{n:0{len(first)}d}" for n in range(int(first), int(last or first) + 1)]
    return hosts


def _expand_counts(text: str) -> list[int]:
    """Slurm's short form of counts: `2(x3),1` is 2, 2, 2, 1."""
    counts = []
    for part in text.split(","):
        found = re.fullmatch(r"(\d+)(?:\(x(\d+)\))?", part)
        if found is None:
            raise ValueError(part)
        counts += [int(found[1])] * int(found[2] or 1)
    return counts


def split_address(address: str) -> tuple[str, int]:
    """The host and the port of an address.

    Raises:
        ValueError: it is not HOST:PORT.
    """
    host, _, port = address.rpartition(":")
    if not host or not 0 < int(port) < 2**16:
        raise ValueError(address)
    return host.strip("[]"), int(port)


def _checked(addresses: Sequence[str], index: int, source: str, *, secret: str, device: WorkersDevices) -> Cluster:
    for address in addresses:
        try:
            split_address(address)
        except ValueError:
            raise UserError(f"{source}: {address} is not an address; it must be HOST:PORT") from None
    if len(set(addresses)) < len(addresses):
        raise UserError(f"{source}: two workers have the same address: {', '.join(addresses)}")
    return Cluster(tuple(addresses), index, source, secret=secret, timeout=device.timeout)


def as_dict(cluster: Cluster) -> dict[str, Any]:
    """A cluster as plain data, for a process that is started."""
    return {**vars(cluster), "addresses": list(cluster.addresses)}


def from_dict(plain: Mapping[str, Any]) -> Cluster:
    """The cluster that `as_dict` made plain data of."""
    return Cluster(**{**plain, "addresses": tuple(plain["addresses"])})
