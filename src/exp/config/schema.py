"""The schema of a run's configuration: frozen pydantic models that know no unknown key. No TensorFlow here.

No field has a default: every default value lives in `conf/`.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Field, PositiveInt, Tag

from exp.config.choices import LOGGER
from exp.config.loggers import MLFLOW, LoggerChoice, Mlflow
from exp.config.schedules import SCHEDULES, Schedule
from exp.config.section import Fraction, Section, name_of
from exp.config.targets import Target
from exp.config.transform_schema import AnyTransform

REQUEST_KEYS = ("run", "resume", "objective", "question")
"""Top-level keys that say which run is meant and for what purpose; they are no part of a run's configuration."""

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
MemoryLimit = Annotated[int, Field(ge=64)]
"""MB of GPU memory. Below 64 MB TensorFlow cannot even create its context on a GPU."""


class Model(Target):
    """What makes the model, and which of its variables stay as they are."""

    frozen: list[str]
    """Patterns of the variables that are not trained."""


class Task(Target):
    """What a model is trained for, and the user's own training step, if there is one."""

    step: Target | None


class Hook(Target):
    """A function of the user's that is called while a run trains."""

    every: PositiveInt
    """The number of steps from one call to the next."""


class Data(Section):
    """The data set, how its examples are divided, and how they are ordered and batched."""

    target: Target
    batch_size: PositiveInt
    buffer_size: PositiveInt
    limit: PositiveInt | None
    validation: PositiveInt | Fraction | Literal["own"] | None
    split_seed: Seed
    prefetch: Annotated[int, Field(ge=0, le=64)]
    on_leak: Literal["warn", "stop", "ignore"]
    transforms: list[AnyTransform]


def _rising(steps: list[int]) -> list[int]:
    if steps[0] > steps[1]:
        raise ValueError(PROFILE)
    return steps


PROFILE = "the first and the last step to profile, such as 100,110"
Profile = Annotated[list[PositiveInt], Field(min_length=2, max_length=2), AfterValidator(_rising)]
"""The first and the last step to profile."""


class Exec(Section):
    """How a step is executed."""

    name: Literal["eager", "function", "session", "fit"]
    steps_per_call: Annotated[int, Field(ge=1, le=10_000)] | None
    jit_compile: bool | Literal["auto"]
    deterministic: bool | Literal["auto"]
    show_autograph: bool
    profile: Profile | None


class DeviceSection(Section):
    """What all device layouts share."""

    threads: Annotated[int, Field(ge=1, le=4096)] | None


Memory = Literal["growth", "full"] | MemoryLimit | Annotated[float, Field(gt=0, lt=1)]
"""How a GPU's memory is taken: as needed, all of it, a limit in MB, or (in a session only) a fraction."""


class AllDevices(DeviceSection):
    """Every GPU, or the CPU if there is none."""

    name: Literal["all"]
    memory: Memory


class SubsetOfDevices(DeviceSection):
    """Some devices of one kind, by their index."""

    name: Literal["subset"]
    kind: Literal["GPU", "CPU"]
    indices: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
    memory: Memory


class VirtualDevices(DeviceSection):
    """Several virtual devices on the first physical one."""

    name: Literal["virtual"]
    count: Annotated[int, Field(ge=1, le=64)]
    memory_limit_mb: MemoryLimit | None


class WorkersDevices(DeviceSection):
    """Several processes, each with the devices of its own machine."""

    name: Literal["workers"]
    local: Annotated[int, Field(ge=1, le=64)] | None
    port: Annotated[int, Field(ge=1024, le=65_000)]
    timeout: Annotated[int, Field(ge=5, le=86_400)]


Device = Annotated[
    Annotated[AllDevices, Tag("all")]
    | Annotated[SubsetOfDevices, Tag("subset")]
    | Annotated[VirtualDevices, Tag("virtual")]
    | Annotated[WorkersDevices, Tag("workers")],
    Discriminator(name_of),
]


class Seeds(Section):
    """The seeds of what is random, one by one; None: as `seed`."""

    init: Seed | None
    order: Seed | None
    augment: Seed | None


class Train(Section):
    """The length of the training, what a step does, what may end it earlier, and when the model is validated."""

    epochs: PositiveInt
    steps: PositiveInt | None
    clip_norm: Annotated[float, Field(gt=0)] | None
    accumulate: Annotated[int, Field(ge=1, le=1024)]
    ema: Fraction | None
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"]
    on_nan: Literal["stop", "rewind"]
    rewinds: PositiveInt
    rewind_factor: Fraction
    max_seconds: Annotated[float, Field(gt=0)] | None
    validate_every: PositiveInt | None
    monitor: Annotated[str, Field(min_length=1)]
    patience: PositiveInt | None
    min_delta: Annotated[float, Field(ge=0)]


class Checkpoint(Section):
    """What a run saves and when, and the values with which it begins."""

    every: PositiveInt
    max_to_keep: PositiveInt
    keep_every: PositiveInt | None
    best: Annotated[str, Field(min_length=1)] | None
    goal: Literal["min", "max"] | None
    name: FileName
    restore: Annotated[str, Field(min_length=1)] | None
    scope: Literal["all", "model"]
    exclude: list[str]


class Summary(Section):
    """What a run logs and when."""

    every: PositiveInt
    images: bool
    gradient_norm: bool
    figures: PositiveInt
    histograms: PositiveInt | None


class Config(Section):
    """A whole run, as asked for."""

    model: Model
    data: Data
    task: Task
    exec: Exec
    device: Device
    optimizer: Target
    schedule: Schedule
    train: Train
    checkpoint: Checkpoint
    summary: Summary
    logger: LoggerChoice
    mode: Literal["train", "test"]
    seed: Seed
    seeds: Seeds
    hooks: list[Hook]
    trusted_targets: list[str]

    def seed_of(self, what: Literal["init", "order", "augment"]) -> int:
        """The seed of the initial weights, of the order of examples, or of what is random in a step."""
        own: int | None = getattr(self.seeds, what)
        return self.seed if own is None else own


DEVICES: dict[str, type[Section]] = {
    "all": AllDevices,
    "subset": SubsetOfDevices,
    "virtual": VirtualDevices,
    "workers": WorkersDevices,
}
"""The layouts of devices, by `device.name`."""
VARIANTS: dict[str, dict[str, type[Section]]] = {"device": DEVICES, "schedule": SCHEDULES}
"""The sections whose keys depend on their `name`."""
SECTIONS: dict[str, type[Section]] = {
    "data": Data,
    "exec": Exec,
    "train": Train,
    "checkpoint": Checkpoint,
    "summary": Summary,
    "seeds": Seeds,
    f"{LOGGER}.{MLFLOW}": Mlflow,
}
"""The sections that have the same keys whatever is chosen."""
