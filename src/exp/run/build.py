"""Making the parts of a run from its configuration: devices, data, model, optimizer, executor.

All that can turn out to be impossible here and now is found out in this module, as a `UserError`.
"""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from exp.config import Config
from exp.config.rules import check_batch_size, replica_problems
from exp.config.targets import OWN_PREFIXES
from exp.data import Feed, Order, Splits, Transforms
from exp.data.check import check_splits
from exp.data.transforms import pixel_bytes
from exp.distributed import Group
from exp.errors import UserError
from exp.run.instantiate import check_kind, instantiate
from exp.run.limits import limits
from exp.run.network import build_network
from exp.system.signals import leaving_long_work

if TYPE_CHECKING:
    from exp.distributed.devices import Devices
    from exp.exec import Executor, Program

MOST_CLASSES_NAMED = 10
MOST_STEPS_PER_CALL = 20
MOST_COMPILED_STEPS_PER_CALL = 100
MOST_BYTES_PER_CALL = 8 * 2**20
"""Bounds of the default number of steps in a call. Beyond 20 nothing is won, but by a step that XLA compiles: it is so
quick that the way into a call counts (0.35 ms a step with 20, 0.30 with 100). Batches of photographs are large."""


@dataclass(frozen=True)
class Parts:
    """What a run is made of."""

    config: Config
    devices: "Devices"
    splits: Splits
    order: Order
    feed: Feed
    executor: "Executor"
    program: "Program"
    total_steps: int
    own_summaries: tuple[str, ...]
    """Keys of what the model logs by `exp.loggers.collect`, where that is known before it runs."""
    more_notes: tuple[str, ...]
    """What was decided, and why: a sentence each."""

    def notes(self) -> list[str]:
        """What the person should know about the data, a sentence each."""
        splits, order = self.splits, self.order
        absent = [
            name for label, name in enumerate(splits.class_names) if label not in splits.train.labels[: order.size]
        ]
        shown = ", ".join(splits.class_names[:MOST_CLASSES_NAMED])
        more = f", and {splits.classes - MOST_CLASSES_NAMED} more" if splits.classes > MOST_CLASSES_NAMED else ""
        notes = [f"Classes: {splits.classes} ({shown}{more})", *splits.notes, *self.more_notes]
        if absent:
            notes.append(f"data.limit={order.size}: the first examples hold none of {', '.join(absent)}")
        return notes

    def detailed_every(self) -> tuple[int, ...]:
        """Steps that are a multiple of one of these have to show their details, in a call of their own."""
        if self.config.exec.name == "fit":
            return ()  # Keras's calls all have one size, and it hands the figures of the last step to its callbacks
        own = self.config.exec.name == "eager" or self.own_summaries
        histograms = self.config.summary.histograms
        return (*([self.config.summary.figures] if own else []), *([histograms] if histograms else []))

    def facts(self) -> dict[str, Any]:
        """The devices and the data, for the manifest."""
        devices, splits = self.devices, self.splits
        return {
            "devices": {
                "physical": devices.physical,
                "used": devices.names,
                "replicas": devices.replicas,
                "threads": devices.threads,
            },
            "data": {
                "name": splits.name,
                "source": splits.source,
                "examples": {"train": self.order.size, "test": splits.test.size},
                "fingerprint": splits.fingerprint,
                "class_names": list(splits.class_names),
                "skipped": {"count": len(splits.skipped), "files": [asdict(skipped) for skipped in splits.skipped]},
            },
            "steps_per_call": self.program.steps_per_call,
            "jit_compile": self.program.jit_train,
        }


def assemble(config: Config, *, group: Group) -> Parts:
    """Make everything; TensorFlow's devices are set up first, and fixed from then on.

    Args:
        config: of the run.
        group: the processes that train together; all of them have to call this.

    Raises:
        UserError: the configuration asks for what is not possible here.
        Stopped: a signal came while data was loaded.
    """
    import keras

    from exp.exec import Program, make_executor
    from exp.exec.probe import probe
    from exp.exec.xla import decide_jit

    devices, (splits, order, transforms) = _devices_and_data(config, group)
    total_steps = config.train.steps or config.train.epochs * order.steps_per_epoch
    executor = make_executor(config.exec.name, session_config=devices.session_config)
    keras.utils.clear_session()  # names of layers count from 1 in every run, also in a process that made others
    keras.utils.set_random_seed(config.seed)
    with executor.scope():
        with devices.strategy.scope():
            model, optimizer = build_network(config, splits, transforms.input_shape, replicas=devices.replicas)
        training = config.mode == "train"
        probed = probe(config.exec.name, model, optimizer, devices.strategy, transforms) if training else None
        jit_train, jit_note = decide_jit(config.exec, probed, devices=devices.names)
        feed = Feed(
            batch_size=config.data.batch_size,
            steps_per_call=_steps_per_call(config, transforms, total_steps, compiled=jit_train),
            transforms=transforms,
            threads=devices.threads,
            prefetch=config.data.prefetch,
            rows=_rows(config, devices) if group.size > 1 else None,
        )
        program = Program(
            model=model,
            optimizer=optimizer,
            strategy=devices.strategy,
            batch_size=feed.batch_size,
            steps_per_call=feed.steps_per_call,
            input_shape=transforms.input_shape,
            pixel_type=transforms.pixel_type,
            jit_train=jit_train,
            # A test gives the same figures in every mode, unless XLA is asked for by name.
            jit_test=config.exec.jit_compile is True,
            gradients=config.summary.histograms is not None,
            rows=feed.rows,
        )
        executor.prepare(program)
    own = probed.figures if probed else ()
    unsaved = probed.notes if probed else ()
    notes = [*([jit_note] if jit_note else []), *unsaved, *limits(config, model, own, devices.replicas)]
    return Parts(
        config=config,
        devices=devices,
        splits=splits,
        order=order,
        feed=feed,
        executor=executor,
        program=program,
        total_steps=total_steps,
        own_summaries=own,
        more_notes=tuple(notes),
    )


def _devices_and_data(config: Config, group: Group) -> tuple["Devices", tuple[Splits, Order, Transforms]]:
    """What comes before everything that computes; workers do it together, the chief first where there is work to do."""
    from exp.distributed.devices import abort_collectives, configure, tensorflow_version

    # All have the same TensorFlow when this returns, so that none waits long for another.
    group.same("TensorFlow", lambda: {"version": tensorflow_version()})
    devices = configure(config.device, session=config.exec.name == "session", cluster=group.cluster)
    group.abort_by(abort_collectives)
    group.keep_signals()  # TensorFlow's server takes SIGTERM for itself
    _check_replicas(config, devices.replicas)
    group.wait_for_chief()  # it may have to download, or to draw, what is then there for all
    with leaving_long_work(group.is_chief):
        data = load_data(config)
    group.chief_done()
    return devices, data


def load_data(config: Config) -> tuple[Splits, Order, Transforms]:
    """The data set, the order of its training examples, and what is done to pictures.

    Raises:
        UserError: the data cannot be found, or cannot be used like this.
    """
    splits: Splits = instantiate("data", config.data.target, config.trusted_targets)
    name = config.data.target.name
    check_kind(f"data={name}", splits, Splits, called="an exp.data.Splits")
    if not name.startswith(OWN_PREFIXES):
        check_splits(splits, what=f"data={name}")
    transforms = Transforms(config.data.transforms, input_shape=splits.input_shape, pixel_type=splits.pixel_type)
    return splits, _order(config, splits), transforms


def _check_replicas(config: Config, replicas: int) -> None:
    """What the configuration alone could not tell: the number of replicas is known only now."""
    problems = replica_problems(config, replicas)
    if problems:
        raise UserError("\n".join(problems))


def _rows(config: Config, devices: "Devices") -> slice:
    """Of each batch, the rows that the replicas of this process take."""
    from exp.exec.base import replica_rows

    first, last = (
        replica_rows(config.data.batch_size, devices.replicas, replica)
        for replica in (devices.here[0], devices.here[-1])
    )
    return slice(first.start, last.stop)


def _order(config: Config, splits: Splits) -> Order:
    data = config.data
    size = splits.train.size if data.limit is None else min(data.limit, splits.train.size)
    check_batch_size(data.batch_size, size)
    return Order(seed=config.seed, size=size, buffer_size=data.buffer_size, batch_size=data.batch_size)


def _steps_per_call(config: Config, transforms: Transforms, total_steps: int, *, compiled: bool) -> int:
    if config.exec.steps_per_call is not None:
        return config.exec.steps_per_call
    if config.exec.name in ("eager", "fit"):
        return 1
    batch_bytes = config.data.batch_size * pixel_bytes(transforms)
    most = MOST_COMPILED_STEPS_PER_CALL if compiled else MOST_STEPS_PER_CALL
    return max(1, min(most, MOST_BYTES_PER_CALL // batch_bytes, config.checkpoint.every, total_steps))
