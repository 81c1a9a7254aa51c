"""Finds the checkpoint that a run is tested or warm-started from, and says what to do if there is none."""

import contextlib
from pathlib import Path

from exp.checkpoint import CheckpointError, Inventory, newest_to_test, prefix_of, runs_in, take_inventory
from exp.config import Config
from exp.loggers.console import Display
from exp.run.open_checkpoints import best_rule
from exp.run_folder.names import CHECKPOINTS
from exp.run_folder.read import read_manifest
from exp.system.safe_files import MissingError
from exp.task import Task
from exp.terminal.commands import override

BEST = "best"


def checkpoint_to_test(config: Config, folder: Path, display: Display, *, task: Task) -> Path:
    """The prefix of the checkpoint that a test restores: the newest, the best, or the one that is named.

    Raises:
        CheckpointError: there is no such checkpoint.
    """
    asked = config.checkpoint
    if asked.restore is None:
        return newest_checkpoint(config, folder, display)
    if asked.restore != BEST:
        return Path(asked.restore)
    directory = folder / CHECKPOINTS
    found = take_inventory(directory, asked.name, run=run_named_in(config, folder))
    metrics = {step: record.metrics for step, record in found.verified.items()}
    rule = best_rule(config, task)
    best = rule.step(metrics) if rule else None
    if best is None:
        raise CheckpointError(f"checkpoint.restore=best: {folder} {_without_best(asked.best, found)}")
    return prefix_of(directory, asked.name, best)


def newest_checkpoint(config: Config, folder: Path, display: Display) -> Path:
    """The newest checkpoint that the run of a folder wrote; if another run wrote a newer one, that is said.

    Raises:
        CheckpointError: there is none.
    """
    directory, name = folder / CHECKPOINTS, config.checkpoint.name
    newest, own = newest_to_test(directory, name), newest_to_test(directory, name, run=run_named_in(config, folder))
    if own != newest:
        display.say(f"passed over {newest.name}: was saved by another run")
    return own


def run_named_in(config: Config, folder: Path) -> str | None:
    """The name that the run of a folder has in its checkpoints; None if it has no checkpoints.

    Raises:
        CheckpointError: an earlier version wrote the folder, and checkpoints of several runs lie in it.
    """
    with contextlib.suppress(MissingError):
        noted: str | None = read_manifest(folder).get("run")
        if noted is not None:
            return noted
    runs = runs_in(folder / CHECKPOINTS, config.checkpoint.name)
    if len(runs) > 1:
        listed = "; ".join(", ".join(f"{config.checkpoint.name}-{step}" for step in steps) for steps in runs.values())
        raise CheckpointError(
            f"{folder}: holds checkpoints of {len(runs)} runs ({listed}), and does not say which is its own; move the "
            "others away"
        )
    return next(iter(runs), None)


def another_to_test(config: Config, prefix: Path) -> str:
    """The end of a sentence that names the newest checkpoint that can be tested; empty if there is none."""
    found = take_inventory(prefix.parent, config.checkpoint.name)
    if not found.verified:
        return ""
    other = prefix_of(prefix.parent, config.checkpoint.name, next(iter(found.verified)))
    return f"; the newest one that can be tested: {override('checkpoint.restore', other)}"


def _without_best(wanted: str | None, found: Inventory) -> str:
    """Why a run has no best checkpoint."""
    if wanted is None:
        return "was not asked to keep a best one (checkpoint.best); without checkpoint.restore its newest one is tested"
    damaged = f"; not counted: {'; '.join(found.problems.values())}" if found.problems else ""
    if not found.verified:
        return f"has no finished checkpoint{damaged}"
    steps = ", ".join(map(str, sorted(found.verified)))
    return f"keeps the best by {wanted}, which none of its checkpoints has (steps {steps}){damaged}"
