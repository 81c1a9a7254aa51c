"""The devices of a run: the only user of `tf.config`, and of a session's `ConfigProto`.

TensorFlow fixes its devices when it is first used, so that `configure` comes before everything else that computes.
"""

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from exp.config import Device, SubsetOfDevices, VirtualDevices, WorkersDevices
from exp.distributed.cluster import Cluster
from exp.errors import UserError
from exp.system.machine import available_cores

DEFAULT_VIRTUAL_GPU_MB = 2048
"""Memory of a virtual GPU, which needs a limit; with this one two of them fit on any GPU of today."""


@dataclass(frozen=True)
class Devices:
    """The devices that `configure` set up."""

    strategy: Any
    """The `tf.distribute.Strategy` to build and train under; TensorFlow's default one for a single replica."""
    names: tuple[str, ...]
    """The logical devices of all workers, worker by worker, such as CPU:0; each trains one replica."""
    here: range
    """The positions in `names` of the devices of this process."""
    physical: tuple[str, ...]
    """All physical devices that TensorFlow sees, used or not."""
    threads: int
    session_config: Any
    """A `tf.compat.v1.ConfigProto` that makes a session see the same devices in the same way."""

    @property
    def replicas(self) -> int:
        """Number of copies of the model that train side by side."""
        return len(self.names)


def configure(device: Device, *, session: bool, cluster: Cluster | None = None) -> Devices:
    """Set up TensorFlow's devices and threads. Call this once in a process, before anything computes.

    Args:
        device: the layout.
        session: whether a `tf.compat.v1.Session` will run the steps; it needs another all-reduce.
        cluster: the workers that train together, of which this process is one; all of them have to call this.

    Raises:
        UserError: the layout asks for a device, or for a limit, that is not possible here.
    """
    physical = tf.config.list_physical_devices()
    shared = cluster.size if cluster and cluster.local else 1
    threads = _set_threads(device.threads, default=max(1, available_cores() // shared))
    proto = tf.compat.v1.ConfigProto(
        allow_soft_placement=True, intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads
    )
    if cluster is not None:
        strategy, names = _workers(cluster)
        own = len(names) // cluster.size
        return Devices(
            strategy=strategy,
            names=names,
            here=range(cluster.index * own, (cluster.index + 1) * own),
            physical=tuple(_short(d) for d in physical),
            threads=threads,
            session_config=proto,
        )
    if isinstance(device, VirtualDevices):
        names = _virtual(device, proto)
    elif isinstance(device, SubsetOfDevices):
        names = _subset(device, proto)
    else:
        names = _all("growth" if isinstance(device, WorkersDevices) else device.memory, proto)
    return Devices(
        strategy=_strategy(names, session=session),
        names=names,
        here=range(len(names)),
        physical=tuple(_short(d) for d in physical),
        threads=threads,
        session_config=proto,
    )


def _set_threads(asked: int | None, *, default: int) -> int:
    """Set TensorFlow's threads; returns their number.

    In a notebook TensorFlow may have computed before, and then keeps the threads that it has.

    Raises:
        UserError: another number is asked for, and it is too late.
    """
    threads = asked or default
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError as error:
        if asked is not None:
            raise UserError(f"device.threads={asked}: TensorFlow has computed in this process before") from error
        return int(tf.config.threading.get_intra_op_parallelism_threads()) or available_cores()
    return threads


def tensorflow_version() -> str:
    """The version of the loaded TensorFlow library, which may have been built otherwise than its package says."""
    return str(tf.version.GIT_VERSION)


def abort_collectives(reason: str) -> None:
    """Have all collective operations of this process fail, now and from now on. Any thread may call this."""
    from tensorflow.python.eager import context  # as TensorFlow's own health check does; there is no public way

    context.context().abort_collective_ops(tf.errors.UNAVAILABLE, reason)


def _workers(cluster: Cluster) -> tuple[Any, tuple[str, ...]]:
    """TensorFlow's strategy over all workers, which waits for all of them; each must have as many GPUs."""
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(cluster.addresses)}),
        task_type="worker",
        task_id=cluster.index,
        num_accelerators={"GPU": len(gpus)},
        rpc_layer="grpc",
    )
    _wait_at_most(cluster)
    strategy = tf.distribute.MultiWorkerMirroredStrategy(resolver)
    own = [f"GPU:{index}" for index in range(len(gpus))] or ["CPU:0"]
    return strategy, tuple(f"worker {index} {name}" for index in range(cluster.size) for name in own)


def _wait_at_most(cluster: Cluster) -> None:
    """TensorFlow's own wait for the others, an hour by default, holds Python's lock: nothing else happens in it."""
    from tensorflow.compiler.xla.tsl.protobuf import coordination_config_pb2
    from tensorflow.python.eager import context  # as the strategy itself does; there is no public way

    milliseconds = int(cluster.timeout * 1000)
    context.context().configure_coordination_service(
        service_type="standalone",
        service_leader="/job:worker/replica:0/task:0",
        cluster_register_timeout_in_ms=milliseconds // 2,
        heartbeat_timeout_in_ms=milliseconds,
        coordinated_jobs=[coordination_config_pb2.CoordinatedJob(name="worker", num_tasks=cluster.size)],
    )


def _all(memory: int | float | str, proto: Any) -> tuple[str, ...]:
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        _refuse_cpu_limit("device.memory", memory)
        return ("CPU:0",)
    _set_gpu_memory(gpus, memory, proto)
    return tuple(f"GPU:{index}" for index in range(len(gpus)))


def _subset(device: SubsetOfDevices, proto: Any) -> tuple[str, ...]:
    present = tf.config.list_physical_devices(device.kind)
    wanted = list(dict.fromkeys(device.indices))
    missing = [index for index in wanted if index >= len(present)]
    if missing or len(wanted) < len(device.indices):
        problem = f"there is no {device.kind} {missing[0]}" if missing else "a device is named twice"
        raise UserError(f"device.indices={_list(device.indices)}: {problem}; {_inventory()}")
    chosen = [present[index] for index in wanted]
    tf.config.set_visible_devices(chosen, device.kind)
    if device.kind == "GPU":
        proto.gpu_options.visible_device_list = ",".join(str(index) for index in wanted)
        _set_gpu_memory(chosen, device.memory, proto)
    else:
        _refuse_cpu_limit("device.memory", device.memory)
        tf.config.set_visible_devices([], "GPU")
        proto.device_count["GPU"] = 0
    return tuple(f"{device.kind}:{position}" for position in range(len(chosen)))


def _virtual(device: VirtualDevices, proto: Any) -> tuple[str, ...]:
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        limit = device.memory_limit_mb or DEFAULT_VIRTUAL_GPU_MB
        tf.config.set_visible_devices(gpus[:1], "GPU")
        virtual = [tf.config.LogicalDeviceConfiguration(memory_limit=limit)] * device.count
        tf.config.set_logical_device_configuration(gpus[0], virtual)
        proto.gpu_options.visible_device_list = "0"
        proto.gpu_options.experimental.virtual_devices.add(memory_limit_mb=[limit] * device.count)
        return tuple(f"GPU:{index}" for index in range(device.count))
    _refuse_cpu_limit("device.memory_limit_mb", device.memory_limit_mb)
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * device.count)
    proto.device_count["CPU"] = device.count
    return tuple(f"CPU:{index}" for index in range(device.count))


def _set_gpu_memory(gpus: list[Any], memory: int | float | str, proto: Any) -> None:
    """Apply the memory policy to GPUs: for eager code and functions through `tf.config`, for sessions in `proto`."""
    if memory == "growth":
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
        proto.gpu_options.allow_growth = True
    elif memory == "full":
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, False)
        proto.gpu_options.allow_growth = False
    elif isinstance(memory, int):
        for gpu in gpus:
            limit = tf.config.LogicalDeviceConfiguration(memory_limit=memory)
            tf.config.set_logical_device_configuration(gpu, [limit])
            proto.gpu_options.experimental.virtual_devices.add(memory_limit_mb=[memory])
    else:
        proto.gpu_options.per_process_gpu_memory_fraction = float(memory)


def _refuse_cpu_limit(key: str, memory: int | float | str | None) -> None:
    if isinstance(memory, int | float):
        raise UserError(f"{key}={memory}: a CPU's memory cannot be limited, and no GPU is used; {_inventory()}")


def _strategy(names: tuple[str, ...], *, session: bool) -> Any:
    """The strategy for these logical devices. Names are checked, because `MirroredStrategy` drops unknown ones."""
    logical = {_short(d) for d in tf.config.list_logical_devices()}
    assert logical.issuperset(names), f"{names} are not all among {sorted(logical)}"
    if len(names) == 1:
        return tf.distribute.get_strategy()  # one device is visible, and it is TensorFlow's default one
    # The default all-reduce hangs in a session (TensorFlow 2.21).
    reduction = tf.distribute.ReductionToOneDevice() if session else None
    return tf.distribute.MirroredStrategy(list(names), cross_device_ops=reduction)


def _short(device: Any) -> str:
    """The short name of a physical or logical device, such as GPU:0."""
    return ":".join(str(device.name).split(":")[-2:])


def _inventory() -> str:
    return f"this machine has {', '.join(_short(d) for d in tf.config.list_physical_devices())}"


def _list(values: list[int]) -> str:
    return "[" + ",".join(str(value) for value in values) + "]"


def make_deterministic() -> None:
    """Have TensorFlow take operations whose results do not depend on timing, or fail where it has none."""
    tf.config.experimental.enable_op_determinism()
