"""Rules about combinations: values that are right one by one, and cannot go together."""

from exp.config.optimizer_rules import target_problems
from exp.config.schema import Config, Device, SubsetOfDevices, VirtualDevices, WorkersDevices
from exp.errors import UserError


def check_combinations(config: Config) -> None:
    """Refuse values that cannot go together, as far as the configuration alone can tell."""
    wrong = [
        *replica_problems(config, _replicas(config.device)),
        *_mode_problems(config),
        *_own_step_problems(config),
        *_schedule_problems(config),
        *_logger_problems(config),
    ]
    memory = getattr(config.device, "memory", None)
    if isinstance(memory, float) and config.exec.name != "session":
        wrong.append(
            f"device.memory={memory}: only exec=session can take a fraction of a GPU's memory; use growth, full, or a "
            "limit in MB"
        )
    keep = config.checkpoint
    if keep.keep_every and keep.keep_every % keep.every:
        wrong.append(
            f"checkpoint.keep_every={keep.keep_every}: must be a multiple of checkpoint.every={keep.every}, the steps "
            "at which there are checkpoints"
        )
    if keep.goal is not None and keep.best is None:
        wrong.append(f"checkpoint.goal={keep.goal}: goes with checkpoint.best, the metric that it is about")
    if keep.restore is None and (keep.scope != "all" or keep.exclude):
        wrong.append("checkpoint.restore=null: checkpoint.scope and checkpoint.exclude go with a checkpoint to restore")
    if keep.restore == "best" and config.mode == "train":
        wrong.append(
            "checkpoint.restore=best: goes with mode=test run=RUN_DIR; to begin with the values of a checkpoint, give "
            "RUN_DIR, or RUN_DIR/checkpoints/NAME-STEP"
        )
    if wrong:
        raise UserError("\n".join(wrong))


def _mode_problems(config: Config) -> list[str]:
    """A sentence for each thing that the execution mode cannot do."""
    steps_per_call, name = config.exec.steps_per_call, config.exec.name
    wrong = []
    if isinstance(config.device, WorkersDevices):
        if config.train.max_seconds is not None and config.mode == "train":
            wrong.append(f"train.max_seconds={config.train.max_seconds}: several processes have no common clock")
        if name == "session":
            wrong.append("exec=session: a session cannot train across processes; take function, eager or fit")
        if name == "fit" and steps_per_call not in (None, 1):
            wrong.append(
                f"exec.steps_per_call={steps_per_call}: Keras's own loop over several steps fails across processes "
                "(Keras 3.15); take 1, or exec=function"
            )
    if name == "eager" and steps_per_call not in (None, 1):
        wrong.append(f"exec.steps_per_call={steps_per_call}: eager runs one step a call; use exec=function for more")
    if name == "eager" and config.exec.jit_compile is True:
        wrong.append("exec.jit_compile=true: eager makes no graph to compile; use exec=function")
    if name == "fit" and steps_per_call:
        periods = {"checkpoint.every": (config.checkpoint.every, "save")}
        if config.train.validate_every is not None and config.mode == "train":
            periods["train.validate_every"] = (config.train.validate_every, "validate")
        periods |= {f"hooks[{number}].every": (hook.every, "stop") for number, hook in enumerate(config.hooks)}
        wrong += [
            f"{key}={every}: exec=fit can only {what} between calls; take a multiple of "
            f"exec.steps_per_call={steps_per_call}"
            for key, (every, what) in periods.items()
            if every % steps_per_call
        ]
    if name == "fit" and config.mode == "train":
        keras = "exec=fit runs Keras's own step, which"
        wrong += [f"{key}: {keras} {why}; take another mode" for key, why in _not_keras(config)]
    if name == "fit" and config.task.step and config.mode == "train":
        wrong.append(
            f"task.step._target_={config.task.step.name}: exec=fit runs Keras's own steps only; take function, eager "
            "or session"
        )
    return wrong


def _not_keras(config: Config) -> list[tuple[str, str]]:
    """What Keras's own step cannot do, with the reason."""
    train = config.train
    asked = [
        (train.accumulate > 1, f"train.accumulate={train.accumulate}", "takes a batch as a whole"),
        (train.ema is not None, f"train.ema={train.ema}", "has averages that only its own evaluation knows"),
        (
            train.precision == "mixed_float16",
            "train.precision=mixed_float16",
            "has a loss scale that its checkpoints would lack",
        ),
        (train.on_nan == "rewind", "train.on_nan=rewind", "cannot begin again within one fit"),
    ]
    return [(key, why) for is_asked, key, why in asked if is_asked]


def _own_step_problems(config: Config) -> list[str]:
    """A sentence for each thing that the built-in step does, and a step of one's own would have to do itself."""
    train = config.train
    if config.task.step is None or config.mode != "train":
        return []
    asked = [
        (train.accumulate > 1, f"train.accumulate={train.accumulate}", "takes its batch as a whole"),
        (
            train.precision == "mixed_float16",
            "train.precision=mixed_float16",
            "computes its gradients itself, without the scale that float16 needs (mixed_bfloat16 needs none)",
        ),
        (
            config.schedule.name != "constant" or bool(config.schedule.warmup),
            f"schedule={config.schedule.name}",
            "may apply an optimizer several times, and sets its rate itself: optimizer.learning_rate.assign(...)",
        ),
        (train.on_nan == "rewind", "train.on_nan=rewind", "sets its learning rates itself"),
    ]
    return [f"{key}: goes with the built-in step; task.step {why}" for is_asked, key, why in asked if is_asked]


def _schedule_problems(config: Config) -> list[str]:
    """A sentence if there is no learning rate that a schedule, or a rewind, could change."""
    rate = config.optimizer.arguments.get("learning_rate")
    is_number = isinstance(rate, int | float) and not isinstance(rate, bool)
    asked = [f"schedule={config.schedule.name}"] if config.schedule.name != "constant" else []
    asked += [f"schedule.warmup={config.schedule.warmup}"] if config.schedule.warmup else []
    asked += ["train.on_nan=rewind"] if config.train.on_nan == "rewind" else []
    if is_number or config.mode != "train":
        return []
    found = "has none" if rate is None else "is a schedule already"
    return [f"{one}: needs optimizer.learning_rate as a number, and it {found}" for one in asked]


def _logger_problems(config: Config) -> list[str]:
    """A sentence for each thing that no logger can show."""
    summary = config.summary
    if config.logger.tensorboard or config.logger.own:
        return []
    asked = [f"summary.histograms={summary.histograms}"] if summary.histograms else []
    asked += ["summary.images=true"] if summary.images else []
    return [
        f"{one}: is shown by TensorBoard, which is not among the loggers; add it: +logger=tensorboard" for one in asked
    ]


def _replicas(device: Device) -> int:
    """The number of replicas if the configuration alone tells it, else 1, because there is always one."""
    if isinstance(device, VirtualDevices):
        return device.count
    if isinstance(device, WorkersDevices):
        return device.local or 1
    return len(set(device.indices)) if isinstance(device, SubsetOfDevices) else 1


def replica_problems(config: Config, replicas: int) -> list[str]:
    """A sentence for each thing that a configuration asks for and this number of replicas cannot do."""
    batch, problems = config.data.batch_size, []
    if batch < replicas:
        problems.append(f"data.batch_size={batch}: has no example for each of the {replicas} replicas")
    elif config.exec.name == "fit" and batch % replicas:
        problems.append(
            f"data.batch_size={batch}: exec=fit needs a multiple of the {replicas} replicas, because Keras averages "
            "over replicas; the other modes take any batch size"
        )
    elif config.train.accumulate > batch // replicas and config.mode == "train":
        whose = "each replica has" if replicas > 1 else "there are"
        problems.append(
            f"train.accumulate={config.train.accumulate}: is more than the {batch // replicas} examples of a "
            f"batch that {whose}"
        )
    if config.exec.name == "fit" and config.train.clip_norm is not None and replicas > 1 and config.mode == "train":
        problems.append(
            f"train.clip_norm={config.train.clip_norm}: Keras clips the share of each replica before it sums them; the "
            "other modes clip the sum"
        )
    if config.exec.jit_compile is True and replicas > 1:
        problems.append(f"exec.jit_compile=true: XLA compiles a step for one replica, and there are {replicas}")
    if config.mode == "train":
        problems += target_problems(config.optimizer, replicas)
    return problems


def check_batch_size(batch_size: int, examples: int) -> None:
    """Refuse a batch larger than the training set, which would leave nothing to train with."""
    if batch_size > examples:
        raise UserError(f"data.batch_size={batch_size}: must be at most {examples}, the training examples there are")
