"""Makes up for evaluations of a restored checkpoint that were due, and that a signal prevented."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from exp.checkpoint import Record, RunState, amend_record, prefix_of
from exp.exec import Evaluation
from exp.run.context import RunContext
from exp.run.loop import Evaluate
from exp.run.selection import Selection


class MadeUp(NamedTuple):
    """What was made up for."""

    run: RunContext
    """The run, whose initial state knows of it."""
    evaluated: Mapping[str, tuple[int, Evaluation]]
    """The evaluations that were made, with their step, by split."""


def last_step(run: RunContext) -> int:
    """The step that is the last one: that of the configuration, or the one at which the time of training was up."""
    state, limit = run.state.run_state, run.config.train.max_seconds
    timed_out = state.stopped == "max_seconds" and limit is not None and state.seconds >= limit
    return run.state.step if timed_out else run.components.total_steps


def without_figures_out_of_turn(run: RunContext, period: Callable[[str], int]) -> RunContext:
    """The same run; if it was extended, what was once its last step is no longer a step to choose."""
    last, changed = last_step(run), {}
    for step, record in run.state.earlier.items():
        kept = {
            name: value
            for name, value in record.metrics.items()
            if step == last or step % period(name.partition("/")[0]) == 0
        }
        if kept != record.metrics:
            state = record.state.model_copy(update={"loss": record.loss})
            changed[step] = record.model_copy(update={"metrics": kept, "state": state})
    return _amended(run, changed)


def make_up(
    run: RunContext, evaluations: Mapping[str, Evaluate], selection: Selection, period: Callable[[str], int]
) -> MadeUp:
    """Evaluate the checkpoint that training resumes from, on the splits on which that was due.

    Args:
        run: that resumes.
        evaluations: what evaluates the model, by split.
        selection: takes in what comes out.
        period: the steps from one evaluation on a split to the next.

    Raises:
        Stopped: a signal asks to stop meanwhile.
    """
    step, last = run.state.step, last_step(run)
    if not step:
        return MadeUp(run, {})
    metrics, made = dict(run.state.metrics), {}
    for split, evaluate in evaluations.items():
        in_turn = step % period(split) == 0
        noted = run.state.run_state
        known = noted.evaluated.get(split) == step or (noted == RunState() and f"{split}/loss" in metrics)
        if known or not (in_turn or step == last):
            continue
        evaluation = evaluate(step)
        made[split] = step, evaluation
        selection.evaluated(step, split, evaluation.facts(), in_turn=in_turn)
        selection.saw(step, evaluation.tagged(split), in_turn=in_turn)
        run.logger.metrics(step, evaluation.tagged(split))
        metrics |= evaluation.tagged(split)
    if step == last and step % period("train"):
        selection.saw(step, {name: value for name, value in metrics.items() if name == "train/loss"}, in_turn=False)
    if made and run.state.record:
        state = selection.lasting.model_copy(update={"loss": run.state.loss})
        run = _amended(run, {step: run.state.record.model_copy(update={"metrics": _finite(metrics), "state": state})})
    return MadeUp(run, made)


def _amended(run: RunContext, records: Mapping[int, Record]) -> RunContext:
    """Write records anew, and have the run's initial state know of them."""
    state = run.state
    for step, wanted in records.items():
        record = wanted
        if run.writes and state.checkpoint:
            prefix = prefix_of(state.checkpoint.parent, run.config.checkpoint.name, step)
            record = amend_record(prefix, metrics=wanted.metrics, state=wanted.state)
        own = record if step == state.step else state.record
        state = replace(state, record=own, earlier={**state.earlier, step: record})
    return replace(run, state=state)


def _finite(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if math.isfinite(value)}
