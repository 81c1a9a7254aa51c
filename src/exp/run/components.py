"""The components of a run, once they are built: devices, data, network, executor; and what a person is told of them."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from exp.config import Config
from exp.data import (
    Call,
    Dataset,
    Feed,
    Order,
    Split,
    evaluation_batches,
    evaluation_dataset,
    training_batches,
    training_dataset,
)
from exp.data.dataset import is_picture
from exp.run.limits import is_deterministic
from exp.system.machine import multiplies_bfloat16

if TYPE_CHECKING:
    from exp.distributed.devices import Devices
    from exp.exec import Executor, Program
    from exp.exec.own_function import OwnFunction
    from exp.optimizer.schedule import RunSchedule

MOST_CLASSES_NAMED = 10


@dataclass(frozen=True)
class Components:
    """The components of a run."""

    config: Config
    devices: "Devices"
    dataset: Dataset
    order: Order
    feed: Feed
    executor: "Executor"
    program: "Program"
    total_steps: int
    own_summaries: tuple[str, ...]
    """Keys of what the model logs by `exp.summary`, as far as that is known before it runs."""
    decisions: tuple[str, ...]
    """A sentence for each decision that was made while building, with its reason."""
    hooks: tuple["OwnFunction", ...] = ()
    """What `hooks` names, in its order."""
    schedule: "RunSchedule | None" = None
    """The learning rate over the steps of the run; None: the optimizer's own."""

    @property
    def roots(self) -> dict[str, Any]:
        """The objects whose variables a checkpoint has, by the names that they have in it."""
        return self.program.roots

    @property
    def tested_roots(self) -> tuple[str, ...]:
        """The names of those whose variables a test needs."""
        return tuple(name for name in self.roots if name in ("model", "averages"))

    def training_batches(self, calls: list[Call]) -> Any:
        """An element for each of the calls, in the form that the mode takes."""
        make = training_dataset if self.executor.needs_dataset else training_batches
        return make(self.dataset.train, self.order, calls, self.feed)

    def evaluation_batches(self, split: Split) -> Any:
        """All examples of a split, in the form that the mode takes."""
        make = evaluation_dataset if self.executor.needs_dataset else evaluation_batches
        return make(split, self.feed)

    @property
    def bfloat16_pays(self) -> bool:
        """Whether bfloat16 would make steps quicker: convolutions in float32 on a CPU that multiplies bfloat16."""
        return (
            self.config.train.precision == "float32"
            and not self.program.jit_train
            and all(device.startswith("CPU") for device in self.devices.names)
            and any(len(weight.shape) == 4 for weight in self.program.model.trainable_variables)
            and multiplies_bfloat16()
        )

    def weights_sha256(self) -> str:
        """The digest of the model's variables, in order, as they are now."""
        from exp.checkpoint import weights_digest

        with self.executor.scope():
            return weights_digest(self.executor.read(self.program.model.weights))

    @property
    def predicts_classes(self) -> bool:
        """Whether examples are pictures of one class each, which can be shown with what the model takes them for."""
        return self.program.task.is_of_classes and self.dataset.is_pictures_of_classes

    @property
    def gives_pictures(self) -> bool:
        """Whether examples are pictures, for each of which the model gives another, such as an autoencoder's."""
        wanted = self.dataset.wanted(self.program.features)
        return self.dataset.is_pictures and is_picture(wanted) and self.program.measure is None

    def notes(self) -> list[str]:
        """Sentences that tell the person about the devices, the data and the decisions."""
        devices = f"Number of devices: {self.devices.replicas} ({', '.join(self.devices.names)})"
        class_notes, absent = self._class_notes()
        return [devices, *class_notes, *self.dataset.notes, *self.decisions, *absent]

    def _class_notes(self) -> tuple[list[str], list[str]]:
        """A sentence that names the classes, and one about those without examples; none if there are no classes."""
        dataset, size = self.dataset, self.order.size
        names, labels = dataset.class_names or (), dataset.train.targets
        if not names or not self.program.task.is_of_classes:
            return [], []
        shown = ", ".join(names[:MOST_CLASSES_NAMED])
        more = f", and {len(names) - MOST_CLASSES_NAMED} more" if len(names) > MOST_CLASSES_NAMED else ""
        absent = [name for label, name in enumerate(names) if labels is not None and label not in labels[:size]]
        missing = [f"data.limit={size}: the first examples hold none of {', '.join(absent)}"] if absent else []
        return [f"Classes: {len(names)} ({shown}{more})"], missing

    def detailed_every(self) -> tuple[int, ...]:
        """Periods in steps: a step that is a multiple of one of them shows its details, in a call of its own."""
        if not self.executor.calls_of_any_size:
            return ()
        own = self.own_summaries or not self.executor.makes_graph  # without a graph nobody knows before it runs
        histograms = self.config.summary.histograms
        return (*([self.config.summary.figures] if own else []), *([histograms] if histograms else []))

    def facts(self) -> dict[str, Any]:
        """Facts about the devices, the data and the step, for the manifest."""
        devices, dataset = self.devices, self.dataset
        return {
            "devices": {
                "physical": devices.physical,
                "used": devices.names,
                "replicas": devices.replicas,
                "threads": devices.threads,
            },
            "data": {
                "name": dataset.name,
                "source": dataset.source,
                "examples": {name: split.size for name, split in dataset.splits.items()} | {"train": self.order.size},
                "set_apart": dataset.set_apart,
                "leaks": dataset.leaks,
                "fingerprint": dataset.fingerprint,
                "class_names": list(dataset.class_names or ()),
                "skipped": {"count": len(dataset.skipped), "files": [asdict(skipped) for skipped in dataset.skipped]},
            },
            "metrics": {name: metric.direction for name, metric in self.program.task.metrics.items()},
            "steps_per_call": self.program.steps_per_call,
            "jit_compile": self.program.jit_train,
            "deterministic": is_deterministic(self.config.exec, devices.names),
        }
