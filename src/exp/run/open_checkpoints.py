"""Opens the checkpoints of a run as its configuration asks: under which name, and which of them stay."""

from collections.abc import Callable
from pathlib import Path

from exp.checkpoint import AnyOf, Best, CheckpointManager, EveryNSteps, NewestN, Origin, RetentionPolicy
from exp.config import Config
from exp.run.components import Components
from exp.run.selection import best_criterion
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
    criterion = best_criterion(config, task)
    return Best(criterion.metric, criterion.goal) if criterion else None


def open_checkpoints(
    components: Components, directory: Path, *, run: str, before_writing: Callable[[], None] = lambda: None
) -> CheckpointManager:
    """A manager that saves the variables of a run, which its checkpoints name as `run`; see `CheckpointManager`."""
    config, dataset = components.config, components.dataset
    with components.executor.scope():
        return CheckpointManager(
            directory,
            name=config.checkpoint.name,
            policy=retention_policy(config, components.program.task),
            roots=components.roots,
            access=components.executor,
            before_writing=before_writing,
            origin=Origin(
                run=run,
                seed=config.seed,
                data=dataset.fingerprint,
                class_names=dataset.class_names,
                set_apart=dataset.set_apart,
            ),
        )
