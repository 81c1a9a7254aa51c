"""Builds the components of a run from its configuration, in the order in which they depend on each other.

Whatever can turn out to be impossible on this machine and with this data is refused here, as a `UserError`.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from exp.config import Config
from exp.config.combination_rules import replica_problems
from exp.data import Dataset, Feed, ImageTransforms, Order
from exp.data.dataset import example_bytes
from exp.distributed import Group
from exp.errors import UserError
from exp.run.components import Components
from exp.run.limits import is_deterministic, limits
from exp.run.load_data import load_data, make_task
from exp.run.metric_check import check_metrics
from exp.run.network import Network, build_network
from exp.system.signals import leaving_long_work

if TYPE_CHECKING:
    from exp.distributed.devices import Devices
    from exp.exec import Executor, Program
    from exp.run.own_functions import OwnFunctions
    from exp.task import Task

MOST_STEPS_PER_CALL = 20
"""More than 20 steps a call helps only a step that XLA compiles."""
MOST_COMPILED_STEPS_PER_CALL = 100
"""Such a step is so quick that entering a call counts: 0.35 ms a step with 20 steps a call, 0.30 ms with 100."""
MOST_BYTES_PER_CALL = 8 * 2**20
"""Bound of the examples of a call, because batches of photographs are large."""


def build(config: Config, *, group: Group) -> Components:
    """Build all components. TensorFlow's devices are set up first, and cannot be changed afterwards.

    Args:
        config: the configuration of the run.
        group: the processes that train together; all of them have to call this.

    Raises:
        UserError: the configuration asks for what is not possible here.
        Stopped: a signal came while data was loaded.
    """
    from exp.exec import make_executor
    from exp.exec.probe import probe
    from exp.exec.xla import decide_jit
    from exp.run.own_functions import own_functions
    from exp.run.own_trial import check_own
    from exp.run.random_layers import seed_layers
    from exp.run.selection import selection_of

    devices = _set_up_devices(config, group)
    dataset, order, transforms = _load_data_together(config, group)
    total_steps = config.train.steps or config.train.epochs * order.steps_per_epoch
    task = make_task(config, dataset, transforms.features)
    selection_of(config, task)  # refuses a metric that there is not
    executor = make_executor(config.exec.name, session_config=devices.session_config)
    sizes = {"total_steps": total_steps, "replicas": devices.replicas}
    _begin_anew(config)
    with executor.scope(), devices.strategy.scope():
        network = build_network(config, dataset=dataset, task=task, features=transforms.features, **sizes)
    check_metrics(task, dataset, network.outputs)
    own = own_functions(config, task, dataset)
    with executor.scope():
        program = _program(config, network, own, task=task, devices=devices, dataset=dataset, transforms=transforms)
        probed = probe(program, makes_graph=executor.makes_graph) if config.mode == "train" else None
        jit_train, jit_note = decide_jit(
            config.exec, probed, devices=devices.names, deterministic=is_deterministic(config.exec, devices.names)
        )
        steps_per_call = _steps_per_call(config, executor, transforms, total_steps, compiled=jit_train)
        rows = _rows(config, devices) if group.size > 1 else None
        feed = _feed(config, transforms, steps_per_call=steps_per_call, threads=devices.threads, rows=rows)
        program = replace(program, steps_per_call=steps_per_call, rows=rows, jit_train=jit_train)
        executor.prepare(program)
        seed_layers(program.model, executor, seed=config.seed_of("augment"))
    tried = check_own(program, dataset, executor)
    summaries, unsaved = (probed.summaries, (*probed.notes, *tried)) if probed else ((), tried)
    lacks = limits(config, executor, program.model, summaries, devices.names)
    return Components(
        config=config,
        devices=devices,
        dataset=dataset,
        order=order,
        feed=feed,
        executor=executor,
        program=program,
        total_steps=total_steps,
        own_summaries=summaries,
        hooks=own.hooks,
        schedule=network.schedule,
        decisions=(*([jit_note] if jit_note else []), *unsaved, *lacks),
    )


def _begin_anew(config: Config) -> None:
    """Have Keras name layers from 1 on, and draw and compute as the configuration asks, whatever was built before."""
    import keras

    keras.utils.clear_session()
    keras.utils.set_random_seed(config.seed_of("init"))
    keras.config.set_dtype_policy(config.train.precision)


def _set_up_devices(config: Config, group: Group) -> "Devices":
    """Set up TensorFlow's devices; several processes meet in TensorFlow's own cluster here.

    Raises:
        UserError: the devices are not there, or the configuration does not fit their number.
    """
    from exp.distributed.devices import abort_collectives, configure, make_deterministic, tensorflow_version
    from exp.exec import executor_class

    # All have the same TensorFlow when this returns, so that none waits long for another.
    group.same("TensorFlow", lambda: {"version": tensorflow_version()})
    needs_session = executor_class(config.exec.name).needs_session
    devices = configure(config.device, session=needs_session, cluster=group.cluster)
    if is_deterministic(config.exec, devices.names):
        make_deterministic()
    group.abort_by(abort_collectives)
    group.keep_signals()  # TensorFlow's server takes SIGTERM for itself
    problems = replica_problems(config, devices.replicas)  # the number of replicas is known only now
    if problems:
        raise UserError("\n".join(problems))
    return devices


def _load_data_together(config: Config, group: Group) -> tuple[Dataset, Order, ImageTransforms]:
    """Load the data, the chief before the others: it may have to download, or to draw, what all then read."""
    group.wait_for_chief()
    with leaving_long_work(group.is_chief):
        data = load_data(config)
    group.chief_done()
    return data


def _program(
    config: Config,
    network: Network,
    own: "OwnFunctions",
    *,
    task: "Task",
    devices: "Devices",
    dataset: Dataset,
    transforms: ImageTransforms,
) -> "Program":
    """The program of one step a call, as it is known before its step was looked into."""
    from exp.exec import Program
    from exp.run.make_recipe import make_recipe

    return Program(
        model=network.model,
        optimizer=network.optimizer,
        task=task,
        strategy=devices.strategy,
        batch_size=config.data.batch_size,
        steps_per_call=1,
        trains=config.mode == "train",
        features=transforms.features,
        targets=dataset.targets,
        # An evaluation gives the same numbers in every mode, unless XLA is asked for by name.
        jit_test=config.exec.jit_compile is True,
        gradients=config.summary.histograms is not None,
        recipe=make_recipe(config, network.model, devices.strategy),
        own_step=own.step,
        measure=own.measure,
    )


def _feed(
    config: Config, transforms: ImageTransforms, *, steps_per_call: int, threads: int, rows: slice | None
) -> Feed:
    data = config.data
    return Feed(
        data.batch_size,
        steps_per_call,
        transforms,
        threads=threads,
        prefetch=data.prefetch,
        seed=config.seed_of("augment"),
        rows=rows,
    )


def _rows(config: Config, devices: "Devices") -> slice:
    """The rows of the global batch that the replicas of this process take."""
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
