"""The initial state of a run's variables: new, taken from another run, or restored to resume or to test a run."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from exp.checkpoint import (
    CheckpointError,
    Inventory,
    Record,
    Restored,
    RunState,
    Wanted,
    copies_of_weights,
    differing_versions,
    newest_to_resume,
    prefix_of,
    restore,
)
from exp.config.schedules import goes_by_length
from exp.errors import UserError
from exp.loggers.console import Display
from exp.run.averaged import begin_averages
from exp.run.components import Components
from exp.run.find_checkpoint import another_to_test, checkpoint_to_test, newest_checkpoint, run_named_in
from exp.run.random_layers import seed_layers
from exp.run.request import Request
from exp.run_folder.names import CHECKPOINTS
from exp.system.files import is_folder
from exp.terminal.words import counted


@dataclass(frozen=True)
class InitialState:
    """The point from which a run continues. Step 0 without a checkpoint is that of a new run."""

    run: str = field(default_factory=lambda: uuid.uuid4().hex)
    """The name of the run in its checkpoints; a resumed run keeps it."""
    step: int = 0
    examples: int = 0
    checkpoint: Path | None = None
    """The prefix of the checkpoint that was restored."""
    record: Record | None = None
    earlier: Mapping[int, Record] = field(default_factory=dict)
    """This run's checkpoints that are on disk already, by step."""
    passed_over: Mapping[int, str] = field(default_factory=dict)
    """Checkpoints that failed verification, by step, with the reason."""

    @property
    def metrics(self) -> Mapping[str, float]:
        """The metrics of the step that a run resumes from; empty for a new run."""
        return self.record.metrics if self.record and self.step else {}

    @property
    def run_state(self) -> RunState:
        """What the run remembers of itself; nothing if it is new."""
        return self.record.state if self.record and self.step else RunState()

    @property
    def loss(self) -> float | None:
        """The training loss of the step that a run resumes from."""
        return self.record.loss if self.record and self.step else None

    def facts(self) -> dict[str, Any] | None:
        """What the manifest says about the restored checkpoint; None if nothing was restored."""
        if self.record is None:
            return None
        return {"checkpoint": str(self.checkpoint), "weights_sha256": self.record.weights_sha256}


def initial_state(request: Request, components: Components, display: Display) -> InitialState:
    """Set the variables of a run to what the request asks for.

    Raises:
        CheckpointError: a checkpoint cannot be trusted, or does not fit.
    """
    if request.tested:
        return restored_to_test(request.tested, components, display)
    if request.resumed:
        return resumed_state(request.folder, components, display)
    return _warm_started(components, display)


def restored_to_test(folder: Path, components: Components, display: Display) -> InitialState:
    """Restore the model of the run in a folder: its newest checkpoint, or the one that is asked for.

    Raises:
        CheckpointError: the checkpoint cannot be trusted, or is not one of this model and these classes.
    """
    config = components.config
    prefix = checkpoint_to_test(config, folder, display, task=components.program.task)
    try:
        restored = _restore(components, prefix, Wanted(roots=components.tested_roots), display)
    except CheckpointError as error:
        raise CheckpointError(f"{error}{another_to_test(config, prefix)}") from error
    record = restored.record
    if not _same_classes(record, components):
        raise CheckpointError(f"data: {_classes(record, components)}; {prefix} cannot be tested on them")
    if record.run != run_named_in(config, folder):
        display.say(f"note: {prefix} was saved by another run than that of {folder}")
    return InitialState(step=record.step, examples=record.examples, checkpoint=prefix, record=record)


def resumed_state(
    folder: Path, components: Components, display: Display, *, unwanted: Mapping[int, str] = MappingProxyType({})
) -> InitialState:
    """Restore everything from the newest checkpoint of this run that can be trusted, and say which ones cannot.

    A run that was killed before it saved a checkpoint starts again. Checkpoints of another run are passed over, and so
    are those that are not wanted, by step, with the reason.

    Raises:
        CheckpointError: none of the checkpoints can be trusted, or the data is not that of the run.
    """
    config = components.config
    directory, run = folder / CHECKPOINTS, run_named_in(config, folder)
    if not any(directory.glob(f"{config.checkpoint.name}-*")):
        display.say(f"{folder}: was stopped before its first checkpoint; begins anew")
        state = _warm_started(components, display)
        return replace(state, run=run) if run else state
    found = newest_to_resume(directory, config.checkpoint.name, run=run)
    wanted = {step: record for step, record in found.verified.items() if step not in unwanted}
    found = Inventory(wanted, {**found.problems, **unwanted})
    for problem in found.problems.values():
        display.say(f"passed over {problem}")
    step, record = next(iter(found.verified.items()))
    prefix = prefix_of(directory, config.checkpoint.name, step)
    if record.seed != config.seed:
        raise CheckpointError(f"seed={config.seed}: {prefix} was saved with seed={record.seed}")
    if record.data != components.dataset.fingerprint:
        raise CheckpointError(f"data: is not the data set that {prefix} was trained on (its fingerprint differs)")
    if record.set_apart != components.dataset.set_apart:
        raise CheckpointError(f"data.validation: {prefix} was saved with other examples set apart for validation")
    _restore(components, prefix, Wanted(roots=tuple(components.roots)), display)
    return InitialState(record.run, record.step, record.examples, prefix, record, found.verified, found.problems)


def _warm_started(components: Components, display: Display) -> InitialState:
    """Take what `checkpoint.restore` asks for into a new run, and say what was left out; else change nothing.

    Raises:
        CheckpointError: the checkpoint cannot be trusted, or does not have what is asked for.
    """
    config = components.config
    asked = config.checkpoint
    if asked.restore is None:
        begin_averages(components)
        return InitialState()
    given = Path(asked.restore)
    roots = ("model", "optimizer") if asked.scope == "all" else ("model",)
    with components.executor.scope():
        copies = copies_of_weights(components.program.parts, components.executor)
    try:
        prefix = newest_checkpoint(config, given, display) if is_folder(given / CHECKPOINTS) else given
        restored = _restore(components, prefix, Wanted(roots=roots, exclude=asked.exclude), display)
    except CheckpointError as error:
        raise CheckpointError(f"checkpoint.restore={asked.restore}: {error}") from error
    if asked.scope == "model":
        with components.executor.scope():
            copies.renew()
    begin_averages(components)
    if not _same_classes(restored.record, components):
        display.say(f"note: {_classes(restored.record, components)}")
    for what, names in (
        ("left in the checkpoint", restored.left_in_checkpoint),
        ("left as they were", restored.left_as_they_were),
    ):
        if names:
            display.say(f"{what}: {', '.join(names)}")
    # What dropout draws belongs to this run, and not to the one that the weights are taken from.
    with components.executor.scope():
        seed_layers(components.program.model, components.executor, seed=components.config.seed_of("augment"))
    return InitialState(checkpoint=prefix, record=restored.record)


def check_length(request: Request, components: Components, state: InitialState, display: Display) -> None:
    """Refuse a length that is behind what was trained already; say what another length makes of a schedule.

    Raises:
        UserError: the run has done more steps already.
    """
    train, last = components.config.train, components.total_steps
    if components.config.mode == "train" and state.step > last:
        asked = f"train.steps={train.steps}" if train.steps else f"train.epochs={train.epochs}"
        raise UserError(f"{asked}: is {counted(last, 'step')}, and the run has done {state.step} already")
    _check_calls(components, state)
    schedule = components.config.schedule
    if request.extended and components.schedule and goes_by_length(schedule):
        rate, length = f"{components.schedule.at(state.step):.3g}", counted(last, "step")
        display.say(
            f"schedule={schedule.name}: goes over the length of the run, which is {length} now: after step "
            f"{state.step} the learning rate goes on with {rate}. If this length had been asked for from the start, it "
            "would have been another one before"
        )


def _check_calls(components: Components, state: InitialState) -> None:
    """Refuse periods at which no call ends, if all calls hold as many steps, as Keras's do.

    Raises:
        UserError: one of them is no multiple of the steps of a call, or the run goes on from within a call.
    """
    config, steps = components.config, components.program.steps_per_call
    if components.executor.calls_of_any_size or steps == 1 or config.mode == "test":
        return
    epoch = components.order.steps_per_epoch
    if components.dataset.validation is not None and (config.train.validate_every or epoch) % steps:
        length = "" if config.train.validate_every else f", and an epoch has {epoch}"
        raise UserError(
            f"train.validate_every={config.train.validate_every or 'null'}: exec=fit can only validate between calls, "
            f"of exec.steps_per_call={steps} steps{length}"
        )
    if state.step % steps and state.step < components.total_steps:
        raise UserError(
            f"exec.steps_per_call={steps}: exec=fit cannot go on from step {state.step}, which lies within such a call"
        )


def _restore(components: Components, prefix: Path, wanted: Wanted, display: Display) -> Restored:
    with components.executor.scope():
        restored = restore(prefix, components.roots, access=components.executor, wanted=wanted)
    display.say(f"restored {prefix}: {counted(len(restored.taken), 'variable')}, each compared with its SHA-256")
    note = differing_versions(restored.record)
    if note:
        display.say(f"{prefix}: {note}")
    return restored


def _same_classes(record: Record, components: Components) -> bool:
    """Whether the labels mean what they meant; a record of an earlier version does not name the classes."""
    return record.class_names is None or tuple(record.class_names) == components.dataset.class_names


def _classes(record: Record, components: Components) -> str:
    here, there = (", ".join(names or ()) for names in (components.dataset.class_names, record.class_names))
    return f"the classes here are {here}, and those that the run was trained on were {there}"
