"""Opens the checkpoints of a run as its configuration asks: under which name, and which of them stay."""

from pathlib import Path

from exp.checkpoint import AnyOf, Best, CheckpointManager, EveryNSteps, NewestN, Origin, RetentionPolicy
from exp.config import Config
from exp.errors import UserError
from exp.run.components import Components
from exp.task import Task


def retention_policy(config: Config, task: Task) -> RetentionPolicy:
    """What `checkpoint.max_to_keep`, `checkpoint.keep_every` and `checkpoint.best` ask to keep."""
    asked, best = config.checkpoint, best_rule(config, task)
    rules: list[RetentionPolicy] = [NewestN(asked.max_to_keep)]
    if asked.keep_every is not None:
        rules.append(EveryNSteps(asked.keep_every))
    if best is not None:
        rules.append(best)
    return AnyOf(*rules)


def best_rule(config: Config, task: Task) -> Best | None:
    """What `checkpoint.best` asks to keep, by the direction of that metric.

    Raises:
        UserError: there is no such metric, or its direction is not known.
    """
    wanted = config.checkpoint.best
    if wanted is None:
        return None
    _, _, name = wanted.partition("/")
    if name == "loss":
        return Best(wanted, goal=config.checkpoint.goal or "min")
    if name not in task.metrics:
        known = ", ".join(f"test/{name}" for name in ("loss", *task.metrics))
        raise UserError(f"checkpoint.best={wanted}: must be one of {known}, train/loss")
    goal = config.checkpoint.goal or task.metrics[name].direction
    if goal is None:
        raise UserError(
            f"checkpoint.best={wanted}: nothing says whether its best value is the largest or the smallest; add "
            "checkpoint.goal=max or checkpoint.goal=min"
        )
    return Best(wanted, goal=goal)


def open_checkpoints(components: Components, directory: Path, *, run: str) -> CheckpointManager:
    """A manager that saves the variables of a run, which its checkpoints name as `run`."""
    config, dataset = components.config, components.dataset
    with components.executor.scope():
        return CheckpointManager(
            directory,
            name=config.checkpoint.name,
            policy=retention_policy(config, components.program.task),
            roots=components.roots,
            access=components.executor,
            origin=Origin(run=run, seed=config.seed, data=dataset.fingerprint, class_names=dataset.class_names),
        )
