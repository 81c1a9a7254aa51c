"""The composition root: everything a run consists of is made here, in the order in which it depends on each other."""

import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exp.config import Config, Target
from exp.config.targets import locate, nested_targets
from exp.console import Display
from exp.data import Order, Splits, plan_calls, test_dataset, training_dataset
from exp.errors import UserError
from exp.outputs import RunFolder, config_hash
from exp.signals import StopRequest
from exp.startup import import_tensorflow, native_messages_to

if TYPE_CHECKING:
    from exp.device import Devices
    from exp.exec import Executor, Program

log = logging.getLogger("exp")

MOST_STEPS_PER_CALL = 20
MOST_BYTES_PER_CALL = 32 * 2**20
"""Bounds of the default number of steps in a call: beyond 20 nothing more is won, and batches of photographs are
large."""

MOST_PICTURES = 16
"""How many pictures of the first batch `summary.images` shows."""


@dataclass(frozen=True)
class Request:
    """A run that is asked for."""

    config: Config
    tree: Mapping[str, Any]
    """The configuration as plain data."""
    folder: Path
    command: Sequence[str]
    config_files: Mapping[str, str]
    """What goes into `.hydra/`; empty where a run is resumed."""
    tested: Path | None = None
    """mode=test: the folder of the run to test."""
    resumed: bool = False


@dataclass
class Parts:
    """What a run is made of, once it is made."""

    devices: "Devices"
    splits: Splits
    executor: "Executor"
    program: "Program"
    total_steps: int


def run(request: Request, display: Display, *, started: float) -> int:
    """Do a run, and write everything that it leaves behind.

    Args:
        request: what to do.
        display: what the person sees.
        started: `time.perf_counter()` at the start of the program.

    Returns:
        The exit status: 0 completed, 1 failed or diverged, 130 or 143 stopped by a signal.

    Raises:
        UserError: the request is impossible here; nothing but run.log was written.
    """
    folder = RunFolder(request.folder)
    with native_messages_to(request.folder / "run.log"), StopRequest() as stop:
        results = _Results(request.config)
        try:
            _run(request, folder, display, stop, results)
        except UserError:
            raise
        except Exception as error:
            log.exception("the run failed")
            first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
            results.update(status="failed", error=f"{type(error).__name__}: {first_line}")
            display.say(f"the run failed: {results.values['error']}; the traceback is in {request.folder / 'run.log'}")
        finally:
            results.values["seconds"]["total"] = time.perf_counter() - started
            if results.values["status"]:
                folder.write_results(results.values)
            folder.close()
        display.closing(results.values, str(request.folder))
        if results.values["status"] == "interrupted":
            return stop.exit_status
        return 0 if results.values["status"] == "completed" else 1


class _Results:
    """`results.json` in the making; every key of the contract is there from the start."""

    def __init__(self, config: Config) -> None:
        seconds = ("import", "build", "first_step", "train", "data_wait", "checkpoint", "test", "total")
        self.values: dict[str, Any] = {
            "status": None,
            "mode": config.mode,
            "step": 0,
            "examples": 0,
            "replicas": None,
            "train": {"loss": None},
            "test": {"loss": None, "accuracy": None, "examples": None},
            "weights_sha256": None,
            "seconds": dict.fromkeys(seconds),
            "examples_per_second": None,
            "checkpoint": None,
            "error": None,
        }

    def update(self, **values: Any) -> None:
        self.values.update(values)


def _run(request: Request, folder: RunFolder, display: Display, stop: StopRequest, results: _Results) -> None:
    config, seconds = request.config, results.values["seconds"]
    clock = _Clock()
    import_tensorflow()
    seconds["import"] = clock.lap()

    from exp import loop
    from exp.checkpoint import Checkpoints, newest_checkpoint, weights_digest
    from exp.exec import Batches
    from exp.summary import SummaryWriter

    parts = _build(config, display)
    program, executor = parts.program, parts.executor
    with executor.scope():
        checkpoints = Checkpoints(
            folder.checkpoints,
            name=config.checkpoint.name,
            max_to_keep=config.checkpoint.max_to_keep,
            model=program.model,
            optimizer=program.optimizer,
            read=executor.read,
            batch_size=program.batch_size,
        )
        first = 0
        if request.tested or request.resumed:
            source = (request.tested or request.folder) / "checkpoints"
            prefix = newest_checkpoint(source, config.checkpoint.name)
            first = checkpoints.restore(prefix, with_optimizer=request.resumed)
            display.say(f"restored {prefix}")
    results.update(replicas=parts.devices.replicas, step=first, examples=first * program.batch_size)
    seconds["build"] = clock.lap()

    _write_beginning(request, folder, parts)
    summary = SummaryWriter(request.folder)
    last = parts.total_steps if config.mode == "train" else first
    order = Order(
        seed=config.seed,
        size=_training_size(config, parts.splits),
        buffer_size=config.data.buffer_size,
        batch_size=program.batch_size,
    )
    calls = plan_calls(first=first, last=last, steps_per_call=program.steps_per_call, every=config.checkpoint.every)
    batches = training_dataset(
        parts.splits.train, order, calls, steps_per_call=program.steps_per_call, prefetch=config.data.prefetch
    )
    if config.summary.images and calls:
        pictures, _ = next(iter(batches.take(1)))
        summary.pictures(first, "train/pictures", pictures[0][:MOST_PICTURES])
    training = loop.Training(
        executor=executor,
        checkpoints=checkpoints,
        summary=summary,
        display=display,
        stop=stop,
        step=first,
        last=last,
        steps_per_epoch=order.steps_per_epoch,
        save_every=config.checkpoint.every,
        log_every=config.summary.every,
    )
    try:
        if config.mode == "train":
            training.run(Batches(calls, batches))
            results.update(
                step=training.step,
                examples=training.step * program.batch_size,
                error=training.error,
                train={"loss": training.loss if training.status != "diverged" else None},
                examples_per_second=loop.examples_per_second(
                    training, program.batch_size, first, calls[0].steps if calls else 0
                ),
                checkpoint=str(checkpoints.newest) if checkpoints.newest else None,
            )
            seconds.update(vars(training.seconds))
        else:
            results.update(checkpoint=str(prefix))
        with executor.scope():
            results.update(weights_sha256=weights_digest(executor.read(program.model.weights)))
        clock.lap()
        if training.status == "completed":
            dataset = test_dataset(
                parts.splits.test,
                batch_size=program.batch_size,
                steps_per_call=program.steps_per_call,
                prefetch=config.data.prefetch,
            )
            test = loop.test(executor, dataset, parts.splits.test.size)
            results.update(test=test._asdict())
            summary.test(training.step, {"test/loss": test.loss, "test/accuracy": test.accuracy})
            seconds["test"] = clock.lap()
        results.update(status=training.status)
    finally:
        summary.close()


def _build(config: Config, display: Display) -> Parts:
    """Devices, data, model, optimizer, executor: all that can turn out to be impossible."""
    import keras

    from exp.device import configure
    from exp.exec import Program, make_executor

    devices = configure(config.device, session=config.exec.name == "session")
    display.say(f"Number of devices: {devices.replicas} ({', '.join(devices.names)})")
    _check_replicas(config, devices.replicas)
    splits: Splits = instantiate("data", config.data.target, config.trusted_targets)
    total_steps = _total_steps(config, splits)
    executor = make_executor(
        config.exec.name, jit_compile=config.exec.jit_compile, session_config=devices.session_config
    )
    keras.utils.set_random_seed(config.seed)
    with executor.scope(), devices.strategy.scope():
        model = instantiate(
            "model",
            config.model,
            config.trusted_targets,
            input_shape=splits.input_shape,
            classes=splits.classes,
        )
        try:
            model.build((None, *splits.input_shape))
        except ValueError as error:
            raise UserError(f"model: cannot take pictures of shape {splits.input_shape} ({error})") from error
        if tuple(model.output_shape) != (None, splits.classes):
            raise UserError(f"model: gives {model.output_shape}, and {splits.name} has {splits.classes} classes")
        optimizer = instantiate("optimizer", config.optimizer, config.trusted_targets)
        optimizer.build(model.trainable_variables)
        program = Program(
            model=model,
            optimizer=optimizer,
            strategy=devices.strategy,
            batch_size=config.data.batch_size,
            steps_per_call=_steps_per_call(config, splits, total_steps),
            input_shape=splits.input_shape,
            pixel_type=splits.pixel_type,
        )
    with executor.scope():
        executor.prepare(program)
    return Parts(devices, splits, executor, program, total_steps)


def instantiate(path: str, target: Target, trusted: Sequence[str], **supplied: Any) -> Any:
    """Call what a target names, nested targets first, after making sure of each that it may be called.

    Raises:
        UserError: a target is not trusted, does not exist, or does not take these arguments.
    """
    import hydra.errors
    import hydra.utils

    node = {"_target_": target.name, **target.arguments}
    for where, name in nested_targets(node, path):
        locate(where.removesuffix("._target_"), name, trusted=trusted)
    try:
        return hydra.utils.instantiate(node, **supplied, _convert_="all")
    except hydra.errors.InstantiationException as error:
        cause = error.__cause__ or error
        if isinstance(cause, UserError):
            raise cause from error
        if isinstance(cause, TypeError | ValueError):
            raise UserError(f"{path}._target_={target.name}: {str(cause).splitlines()[0]}") from error
        raise


def _check_replicas(config: Config, replicas: int) -> None:
    """What the configuration alone could not tell: the number of replicas is known only now."""
    batch = config.data.batch_size
    if batch < replicas:
        raise UserError(f"data.batch_size={batch}: has no example for each of {replicas} replicas")
    if config.exec.name == "fit" and batch % replicas:
        raise UserError(
            f"data.batch_size={batch}: exec=fit needs a multiple of the {replicas} replicas, because Keras averages over "
            "replicas; the other modes take any batch size"
        )
    if config.exec.jit_compile and replicas > 1:
        raise UserError(f"exec.jit_compile=True: XLA compiles a step for one replica, and there are {replicas}")


def _training_size(config: Config, splits: Splits) -> int:
    limit = config.data.limit
    return splits.train.size if limit is None else min(limit, splits.train.size)


def _total_steps(config: Config, splits: Splits) -> int:
    size = _training_size(config, splits)
    if config.data.batch_size > size:
        raise UserError(f"data.batch_size={config.data.batch_size}: must be at most {size}, the training examples there are")
    return config.total_steps(size)


def _steps_per_call(config: Config, splits: Splits, total_steps: int) -> int:
    if config.exec.steps_per_call is not None:
        return config.exec.steps_per_call
    if config.exec.name in ("eager", "fit"):
        return 1
    pixel_bytes = 1 if splits.pixel_type == "uint8" else 4
    batch_bytes = config.data.batch_size * math.prod(splits.input_shape) * pixel_bytes
    return max(1, min(MOST_STEPS_PER_CALL, MOST_BYTES_PER_CALL // batch_bytes, config.checkpoint.every, total_steps))


def _write_beginning(request: Request, folder: RunFolder, parts: Parts) -> None:
    splits, devices = parts.splits, parts.devices
    if request.config_files:
        folder.write_config(request.config_files)
    folder.write_manifest(
        {
            "command": list(request.command),
            "mode": request.config.mode,
            "tested_run": str(request.tested) if request.tested else None,
            "config_hash": config_hash(request.tree),
            "seed": request.config.seed,
            "devices": {
                "physical": devices.physical,
                "used": devices.names,
                "replicas": devices.replicas,
                "threads": devices.threads,
            },
            "data": {
                "name": splits.name,
                "source": splits.source,
                "examples": {"train": _training_size(request.config, splits), "test": splits.test.size},
                "fingerprint": splits.fingerprint,
            },
            "steps_per_call": parts.program.steps_per_call,
        }
    )


class _Clock:
    def __init__(self) -> None:
        self._last = time.perf_counter()

    def lap(self) -> float:
        now = time.perf_counter()
        self._last, lap = now, now - self._last
        return lap
