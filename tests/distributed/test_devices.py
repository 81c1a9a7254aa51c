"""Device layouts. This machine may have no GPU: then the calls that a GPU would get are checked instead."""

from types import SimpleNamespace

import pytest

from exp.config import AllDevices, SubsetOfDevices, VirtualDevices
from exp.distributed import devices as module
from exp.errors import UserError


class Calls:
    """Stands in for `tf.config` and `tf.distribute` on a machine with so many GPUs, and notes what is called."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, gpus: int) -> None:
        import tensorflow as tf

        self.made: list[tuple] = []
        self._names = {"CPU": ["CPU:0"], "GPU": [f"GPU:{number}" for number in range(gpus)]}
        self._logical: dict[str, int] = {"CPU": 1, "GPU": gpus}
        config, distribute = tf.config, tf.distribute
        monkeypatch.setattr(config, "list_physical_devices", self._physical)
        monkeypatch.setattr(config, "list_logical_devices", self._list_logical)
        monkeypatch.setattr(config, "set_visible_devices", self._set_visible)
        monkeypatch.setattr(config, "set_logical_device_configuration", self._set_logical)
        monkeypatch.setattr(config.experimental, "set_memory_growth", self._note("growth"))
        monkeypatch.setattr(config.threading, "set_intra_op_parallelism_threads", self._note("intra"))
        monkeypatch.setattr(config.threading, "set_inter_op_parallelism_threads", self._note("inter"))
        monkeypatch.setattr(distribute, "get_strategy", lambda: "default strategy")
        monkeypatch.setattr(distribute, "ReductionToOneDevice", lambda: "to one device")
        monkeypatch.setattr(distribute, "MirroredStrategy", lambda names, cross_device_ops: (names, cross_device_ops))

    def _physical(self, kind=None):
        kinds = [kind] if kind else ["CPU", "GPU"]
        return [SimpleNamespace(name=f"/physical_device:{name}") for k in kinds for name in self._names[k]]

    def _list_logical(self):
        return [SimpleNamespace(name=f"/device:{k}:{n}") for k, count in self._logical.items() for n in range(count)]

    def _set_visible(self, devices, kind):
        self.made.append(("visible", kind, [device.name.split(":", 1)[1] for device in devices]))
        self._logical[kind] = len(devices)

    def _set_logical(self, physical, configurations):
        limits = [configuration.memory_limit for configuration in configurations]
        self.made.append(("logical", physical.name.split(":", 1)[1], limits))
        kind = physical.name.split(":")[1]
        if len(limits) > 1:
            self._logical[kind] = len(limits)

    def _note(self, what):
        return lambda *arguments: self.made.append((what, *(getattr(a, "name", a) for a in arguments)))

    def of(self, *kinds: str) -> list[tuple]:
        return [call for call in self.made if call[0] in kinds]


@pytest.fixture
def machine(monkeypatch):
    return lambda gpus: Calls(monkeypatch, gpus)


def every(memory="growth", threads=None):
    return AllDevices(name="all", memory=memory, threads=threads)


def subset(kind, indices, memory="growth"):
    return SubsetOfDevices(name="subset", kind=kind, indices=indices, memory=memory, threads=None)


def virtual(count=2, limit=None):
    return VirtualDevices(name="virtual", count=count, memory_limit_mb=limit, threads=None)


def test_without_a_gpu_all_is_the_cpu(machine):
    calls = machine(0)
    devices = module.configure(every(threads=3), session=False)
    assert devices.names == ("CPU:0",)
    assert devices.strategy == "default strategy"
    assert devices.threads == 3
    assert calls.made == [("intra", 3), ("inter", 3)]


def test_threads_default_to_the_cores_at_hand(machine):
    machine(0)
    devices = module.configure(every(), session=False)
    assert devices.threads == module.available_cores() >= 1
    assert devices.session_config.intra_op_parallelism_threads == devices.threads
    assert devices.session_config.inter_op_parallelism_threads == devices.threads


def test_all_gpus_are_mirrored_and_grow(machine):
    calls = machine(2)
    devices = module.configure(every(), session=False)
    assert devices.names == ("GPU:0", "GPU:1")
    assert devices.physical == ("CPU:0", "GPU:0", "GPU:1")
    assert devices.strategy == (["GPU:0", "GPU:1"], None)
    assert calls.of("growth") == [("growth", f"/physical_device:GPU:{n}", True) for n in range(2)]
    assert devices.session_config.gpu_options.allow_growth


def test_one_gpu_needs_no_strategy(machine):
    machine(1)
    devices = module.configure(every(), session=False)
    assert (devices.names, devices.strategy) == (("GPU:0",), "default strategy")


def test_a_session_reduces_on_one_device(machine):
    machine(2)
    assert module.configure(every(), session=True).strategy == (["GPU:0", "GPU:1"], "to one device")


def test_full_memory(machine):
    calls = machine(1)
    devices = module.configure(every(memory="full"), session=False)
    assert calls.of("growth") == [("growth", "/physical_device:GPU:0", False)]
    assert not devices.session_config.gpu_options.allow_growth


def test_a_limit_in_megabytes(machine):
    calls = machine(2)
    devices = module.configure(every(memory=1024), session=False)
    assert calls.of("logical") == [("logical", "GPU:0", [1024]), ("logical", "GPU:1", [1024])]
    limits = [list(v.memory_limit_mb) for v in devices.session_config.gpu_options.experimental.virtual_devices]
    assert limits == [[1024], [1024]]


def test_a_fraction_is_for_the_session(machine):
    calls = machine(1)
    devices = module.configure(every(memory=0.4), session=True)
    assert devices.session_config.gpu_options.per_process_gpu_memory_fraction == pytest.approx(0.4)
    assert calls.of("growth", "logical") == []


def test_a_subset_of_gpus_is_all_that_is_visible(machine):
    calls = machine(4)
    devices = module.configure(subset("GPU", [3, 1]), session=False)
    assert calls.of("visible") == [("visible", "GPU", ["GPU:3", "GPU:1"])]
    assert devices.names == ("GPU:0", "GPU:1")
    assert devices.session_config.gpu_options.visible_device_list == "3,1"
    assert [call[1] for call in calls.of("growth")] == ["/physical_device:GPU:3", "/physical_device:GPU:1"]


def test_the_cpu_of_a_machine_with_gpus(machine):
    calls = machine(2)
    devices = module.configure(subset("CPU", [0]), session=False)
    assert devices.names == ("CPU:0",)
    assert ("visible", "GPU", []) in calls.made
    assert devices.session_config.device_count["GPU"] == 0


def test_virtual_cpus(machine):
    calls = machine(0)
    devices = module.configure(virtual(3), session=True)
    assert devices.names == ("CPU:0", "CPU:1", "CPU:2")
    assert devices.replicas == 3
    assert calls.of("logical") == [("logical", "CPU:0", [None, None, None])]
    assert devices.session_config.device_count["CPU"] == 3


@pytest.mark.parametrize(("limit", "used"), [(None, 2048), (512, 512)])
def test_virtual_gpus_share_the_first_one(machine, limit, used):
    calls = machine(2)
    devices = module.configure(virtual(2, limit), session=False)
    assert devices.names == ("GPU:0", "GPU:1")
    assert calls.of("visible", "logical") == [("visible", "GPU", ["GPU:0"]), ("logical", "GPU:0", [used, used])]
    options = devices.session_config.gpu_options
    assert options.visible_device_list == "0"
    assert [list(v.memory_limit_mb) for v in options.experimental.virtual_devices] == [[used, used]]


@pytest.mark.parametrize(
    ("gpus", "layout", "message"),
    [
        (0, subset("GPU", [0]), r"device.indices=\[0\]: there is no GPU 0; this machine has CPU:0$"),
        (2, subset("GPU", [0, 2]), r"device.indices=\[0,2\]: there is no GPU 2; this machine has CPU:0, GPU:0, GPU:1$"),
        (0, subset("CPU", [1]), r"device.indices=\[1\]: there is no CPU 1; this machine has CPU:0$"),
        (2, subset("GPU", [1, 1]), r"device.indices=\[1,1\]: a device is named twice"),
        (0, every(memory=512), r"device.memory=512: a CPU's memory cannot be limited"),
        (2, subset("CPU", [0], memory=512), r"device.memory=512: a CPU's memory cannot be limited"),
        (0, virtual(2, 512), r"device.memory_limit_mb=512: a CPU's memory cannot be limited"),
    ],
)
def test_impossible_requests_say_what_there_is(machine, gpus, layout, message):
    machine(gpus)
    with pytest.raises(UserError, match=f"^{message}"):
        module.configure(layout, session=False)
