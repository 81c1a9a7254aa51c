"""Where a run's variables begin: anew, with the values of another run, or where this run was interrupted."""

import contextlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from exp.checkpoint import (
    CheckpointError,
    CheckpointManager,
    Inventory,
    Origin,
    Record,
    Restored,
    Wanted,
    copies_of_weights,
    differing_versions,
    newest_to_resume,
    newest_to_test,
    prefix_of,
    restore,
    runs_in,
    take_inventory,
)
from exp.config import Config
from exp.loggers.console import Display
from exp.run.build import Parts
from exp.run.retention import best_rule, retention_policy
from exp.run_folder.files import read_manifest
from exp.run_folder.names import CHECKPOINTS
from exp.system.files import is_folder
from exp.system.safe_files import MissingError
from exp.terminal.commands import override
from exp.terminal.words import counted

BEST = "best"


@dataclass(frozen=True)
class Beginning:
    """The point from which a run goes on."""

    run: str = field(default_factory=lambda: uuid.uuid4().hex)
    """Names the run in its checkpoints, also after it was resumed."""
    step: int = 0
    examples: int = 0
    checkpoint: Path | None = None
    """What was restored."""
    record: Record | None = None
    earlier: Mapping[int, Record] = field(default_factory=dict)
    """This run's checkpoints that are there already."""
    passed_over: Mapping[int, str] = field(default_factory=dict)
    """And those that do not count, with the reason."""

    def facts(self) -> dict[str, Any] | None:
        """For the manifest."""
        if self.record is None:
            return None
        return {"checkpoint": str(self.checkpoint), "weights_sha256": self.record.weights_sha256}


def begin_test(config: Config, parts: Parts, run: Path, display: Display) -> Beginning:
    """Restore the model of a run that is tested: the newest checkpoint, or the one asked for.

    Raises:
        CheckpointError: it cannot be believed, or is not one of this model.
    """
    prefix = _to_test(config, run, display)
    try:
        restored = _restore(parts, prefix, Wanted(roots=("model",)), display)
    except CheckpointError as error:
        raise CheckpointError(f"{error}{_other(config, prefix)}") from error
    record = restored.record
    if not _same_classes(record, parts):
        raise CheckpointError(f"data: {_classes(record, parts)}; {prefix} cannot be tested on them")
    if record.run != _own_run(config, run):
        display.say(f"note: {prefix} was saved by another run than that of {run}")
    return Beginning(step=record.step, examples=record.examples, checkpoint=prefix, record=record)


def begin_resumed(config: Config, parts: Parts, folder: Path, display: Display) -> Beginning:
    """Restore everything from the newest checkpoint that can be believed, and say which ones cannot.

    A run that was killed before it saved any begins anew, which is to go on from its step 0. Checkpoints that another
    run wrote are passed over.

    Raises:
        CheckpointError: none of those there are can be believed, or the data is not that of the run.
    """
    directory, run = folder / CHECKPOINTS, _own_run(config, folder)
    if not any(directory.glob(f"{config.checkpoint.name}-*")):
        display.say(f"{folder}: was stopped before its first checkpoint; begins anew")
        beginning = begin_warm(config, parts, display)
        return replace(beginning, run=run) if run else beginning
    found = newest_to_resume(directory, config.checkpoint.name, run=run)
    for problem in found.problems.values():
        display.say(f"passed over {problem}")
    step, record = next(iter(found.verified.items()))
    prefix = prefix_of(directory, config.checkpoint.name, step)
    if record.seed != config.seed:
        raise CheckpointError(f"seed={config.seed}: {prefix} was saved with seed={record.seed}")
    if record.data != parts.dataset.fingerprint:
        raise CheckpointError(f"data: is not the data set that {prefix} was trained on (its fingerprint differs)")
    _restore(parts, prefix, Wanted(), display)
    return Beginning(record.run, record.step, record.examples, prefix, record, found.verified, found.problems)


def begin_warm(config: Config, parts: Parts, display: Display) -> Beginning:
    """Take what `checkpoint.restore` asks for into a new run, and say what was left.

    Raises:
        CheckpointError: the checkpoint cannot be believed, or does not have what is asked for.
    """
    keep = config.checkpoint
    if keep.restore is None:
        return Beginning()
    given = Path(keep.restore)
    directory = given / CHECKPOINTS
    roots = ("model", "optimizer") if keep.scope == "all" else ("model",)
    with parts.executor.scope():
        copies = copies_of_weights(_roots(parts), parts.executor)
    try:
        prefix = _newest(config, given, display) if is_folder(directory) else given
        restored = _restore(parts, prefix, Wanted(roots=roots, exclude=keep.exclude), display)
    except CheckpointError as error:
        raise CheckpointError(f"checkpoint.restore={keep.restore}: {error}") from error
    if keep.scope == "model":
        with parts.executor.scope():
            copies.renew()
    if not _same_classes(restored.record, parts):
        display.say(f"note: {_classes(restored.record, parts)}")
    for what, names in (
        ("left in the checkpoint", restored.left_in_checkpoint),
        ("left as they were", restored.left_as_they_were),
    ):
        if names:
            display.say(f"{what}: {', '.join(names)}")
    return Beginning(checkpoint=prefix, record=restored.record)


def open_checkpoints(config: Config, parts: Parts, directory: Path, *, run: str) -> CheckpointManager:
    """What saves the variables of a run, which its checkpoints name as `run`."""
    with parts.executor.scope():
        return CheckpointManager(
            directory,
            name=config.checkpoint.name,
            policy=retention_policy(config),
            roots=_roots(parts),
            access=parts.executor,
            origin=Origin(
                run=run, seed=config.seed, data=parts.dataset.fingerprint, class_names=parts.dataset.class_names
            ),
        )


def _roots(parts: Parts) -> dict[str, Any]:
    return {"model": parts.program.model, "optimizer": parts.program.optimizer}


def _restore(parts: Parts, prefix: Path, wanted: Wanted, display: Display) -> Restored:
    with parts.executor.scope():
        restored = restore(prefix, _roots(parts), access=parts.executor, wanted=wanted)
    display.say(f"restored {prefix}: {counted(len(restored.taken), 'variable')}, each compared with its SHA-256")
    note = differing_versions(restored.record)
    if note:
        display.say(f"{prefix}: {note}")
    return restored


def _to_test(config: Config, run: Path, display: Display) -> Path:
    keep, directory = config.checkpoint, run / CHECKPOINTS
    if keep.restore is None:
        return _newest(config, run, display)
    if keep.restore != BEST:
        return Path(keep.restore)
    found = take_inventory(directory, keep.name, run=_own_run(config, run))
    metrics = {step: record.metrics for step, record in found.verified.items()}
    rule = best_rule(config)
    best = rule.step(metrics) if rule else None
    if best is None:
        raise CheckpointError(f"checkpoint.restore=best: {run} {_without_best(keep.best, found)}")
    return prefix_of(directory, keep.name, best)


def _newest(config: Config, folder: Path, display: Display) -> Path:
    """The newest checkpoint that the run of a folder wrote; says so where there is a newer one of another run."""
    directory, name = folder / CHECKPOINTS, config.checkpoint.name
    newest, own = newest_to_test(directory, name), newest_to_test(directory, name, run=_own_run(config, folder))
    if own != newest:
        display.say(f"passed over {newest.name}: was saved by another run")
    return own


def _own_run(config: Config, folder: Path) -> str | None:
    """The name that the run of a folder has in its checkpoints; None where there are none.

    Raises:
        CheckpointError: it cannot be known, because the run is of an earlier version, and others' lie there.
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


def _same_classes(record: Record, parts: Parts) -> bool:
    """Whether the labels mean what they meant; a record of an earlier version does not name them."""
    return record.class_names is None or tuple(record.class_names) == parts.dataset.class_names


def _classes(record: Record, parts: Parts) -> str:
    here, there = (", ".join(names or ()) for names in (parts.dataset.class_names, record.class_names))
    return f"the classes here are {here}, and those that the run was trained on were {there}"


def _without_best(wanted: str | None, found: Inventory) -> str:
    """Why a run has no best checkpoint."""
    if wanted is None:
        return "was not asked to keep a best one (checkpoint.best); without checkpoint.restore its newest one is tested"
    damaged = f"; not counted: {'; '.join(found.problems.values())}" if found.problems else ""
    if not found.verified:
        return f"has no finished checkpoint{damaged}"
    steps = ", ".join(map(str, sorted(found.verified)))
    return f"keeps the best by {wanted}, which none of its checkpoints has (steps {steps}){damaged}"


def _other(config: Config, prefix: Path) -> str:
    """What to do about a checkpoint that cannot be tested."""
    found = take_inventory(prefix.parent, config.checkpoint.name)
    if not found.verified:
        return ""
    other = prefix_of(prefix.parent, config.checkpoint.name, next(iter(found.verified)))
    return f"; the newest one that can be tested: {override('checkpoint.restore', other)}"
