"""Making the parts of a run from its configuration: devices, data, model, optimizer, executor.

All that can turn out to be impossible here and now is found out in this module, as a `UserError`.
"""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from exp.config import Config
from exp.config.rules import replica_problems
from exp.data import Dataset, Feed, ImageTransforms, Order
from exp.data.dataset import example_bytes
from exp.distributed import Group
from exp.errors import UserError
from exp.run.limits import limits
from exp.run.load_data import load_data, task_of
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
    dataset: Dataset
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
        class_notes, absent = self._class_notes()
        return [*class_notes, *self.dataset.notes, *self.more_notes, *absent]

    def _class_notes(self) -> tuple[list[str], list[str]]:
        """A sentence that names the classes, and one about those without examples; none if there are no classes."""
        dataset, size = self.dataset, self.order.size
        names, labels = dataset.class_names or (), dataset.train.targets
        if not names:
            return [], []
        shown = ", ".join(names[:MOST_CLASSES_NAMED])
        more = f", and {len(names) - MOST_CLASSES_NAMED} more" if len(names) > MOST_CLASSES_NAMED else ""
        absent = [name for label, name in enumerate(names) if labels is not None and label not in labels[:size]]
        missing = [f"data.limit={size}: the first examples hold none of {', '.join(absent)}"] if absent else []
        return [f"Classes: {len(names)} ({shown}{more})"], missing

    def detailed_every(self) -> tuple[int, ...]:
        """Steps that are a multiple of one of these have to show their details, in a call of their own."""
        if not self.executor.calls_of_any_size:
            return ()
        own = self.own_summaries or not self.executor.makes_graph  # without a graph nobody knows before it runs
        histograms = self.config.summary.histograms
        return (*([self.config.summary.figures] if own else []), *([histograms] if histograms else []))

    def facts(self) -> dict[str, Any]:
        """The devices and the data, for the manifest."""
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
                "examples": {"train": self.order.size, "test": dataset.test.size},
                "fingerprint": dataset.fingerprint,
                "class_names": list(dataset.class_names or ()),
                "skipped": {"count": len(dataset.skipped), "files": [asdict(skipped) for skipped in dataset.skipped]},
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

    devices, (dataset, order, transforms) = _devices_and_data(config, group)
    total_steps = config.train.steps or config.train.epochs * order.steps_per_epoch
    task = task_of(config, dataset)
    executor = make_executor(config.exec.name, session_config=devices.session_config)
    keras.utils.clear_session()  # names of layers count from 1 in every run, also in a process that made others
    keras.utils.set_random_seed(config.seed)
    with executor.scope():
        with devices.strategy.scope():
            model, optimizer = build_network(
                config, dataset=dataset, task=task, features=transforms.features, replicas=devices.replicas
            )
        training = config.mode == "train"
        probed = (
            probe(
                model,
                optimizer=optimizer,
                task=task,
                strategy=devices.strategy,
                features=transforms.features,
                targets=dataset.targets,
                makes_graph=executor.makes_graph,
            )
            if training
            else None
        )
        jit_train, jit_note = decide_jit(config.exec, probed, devices=devices.names)
        feed = Feed(
            batch_size=config.data.batch_size,
            steps_per_call=_steps_per_call(config, executor, transforms, total_steps, compiled=jit_train),
            transforms=transforms,
            threads=devices.threads,
            prefetch=config.data.prefetch,
            rows=_rows(config, devices) if group.size > 1 else None,
        )
        program = Program(
            model=model,
            optimizer=optimizer,
            task=task,
            strategy=devices.strategy,
            batch_size=feed.batch_size,
            steps_per_call=feed.steps_per_call,
            features=transforms.features,
            targets=dataset.targets,
            jit_train=jit_train,
            # A test gives the same figures in every mode, unless XLA is asked for by name.
            jit_test=config.exec.jit_compile is True,
            gradients=config.summary.histograms is not None,
            rows=feed.rows,
        )
        executor.prepare(program)
    own = probed.figures if probed else ()
    unsaved = probed.notes if probed else ()
    notes = [*([jit_note] if jit_note else []), *unsaved, *limits(config, executor, model, own, devices.replicas)]
    return Parts(
        config=config,
        devices=devices,
        dataset=dataset,
        order=order,
        feed=feed,
        executor=executor,
        program=program,
        total_steps=total_steps,
        own_summaries=own,
        more_notes=tuple(notes),
    )


def _devices_and_data(config: Config, group: Group) -> tuple["Devices", tuple[Dataset, Order, ImageTransforms]]:
    """What comes before everything that computes; workers do it together, the chief first where there is work to do."""
    from exp.distributed.devices import abort_collectives, configure, tensorflow_version
    from exp.exec import executor_class

    # All have the same TensorFlow when this returns, so that none waits long for another.
    group.same("TensorFlow", lambda: {"version": tensorflow_version()})
    needs_session = executor_class(config.exec.name).needs_session
    devices = configure(config.device, session=needs_session, cluster=group.cluster)
    group.abort_by(abort_collectives)
    group.keep_signals()  # TensorFlow's server takes SIGTERM for itself
    _check_replicas(config, devices.replicas)
    group.wait_for_chief()  # it may have to download, or to draw, what is then there for all
    with leaving_long_work(group.is_chief):
        data = load_data(config)
    group.chief_done()
    return devices, data


def _check_replicas(config: Config, replicas: int) -> None:
    """What the configuration alone could not tell: the number of replicas is known only now."""
    problems = replica_problems(config, replicas)
    if problems:
        raise UserError("\n".join(problems))


def _rows(config: Config, devices: "Devices") -> slice:
    """Of each batch, the rows that the replicas of this process take."""
    from exp.exec.replicas import replica_rows

    first, last = (
        replica_rows(config.data.batch_size, devices.replicas, replica)
        for replica in (devices.here[0], devices.here[-1])
    )
    return slice(first.start, last.stop)


def _steps_per_call(
    config: Config, executor: "Executor", transforms: ImageTransforms, total_steps: int, *, compiled: bool
) -> int:
    if config.exec.steps_per_call is not None:
        return config.exec.steps_per_call
    if executor.one_step_a_call:
        return 1
    batch_bytes = config.data.batch_size * example_bytes(transforms.features)
    most = MOST_COMPILED_STEPS_PER_CALL if compiled else MOST_STEPS_PER_CALL
    return max(1, min(most, MOST_BYTES_PER_CALL // batch_bytes, config.checkpoint.every, total_steps))
