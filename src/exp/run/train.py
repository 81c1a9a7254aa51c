"""The training stage: from a run that is ready to what came out of its training."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from exp.checkpoint import BestSoFar, Checkpoints, NoCheckpoints, set_aside
from exp.data import plan_calls
from exp.exec import Batches, Evaluation
from exp.loggers.profiler import Profiler
from exp.loggers.time_breakdown import advice, shares
from exp.run.averaged import averaged
from exp.run.context import RunContext
from exp.run.hooks import own_hooks
from exp.run.loop import Evaluate, Training
from exp.run.make_up import MadeUp, last_step, make_up, without_figures_out_of_turn
from exp.run.open_checkpoints import open_checkpoints
from exp.run.selection import Selection, period_of, selection_of
from exp.system.signals import Stopped

LONG_SECONDS = 10.0
"""Of training; in less than that nobody needs to be quicker."""


@dataclass(frozen=True)
class Trained:
    """What came out of training."""

    status: str
    """`completed`, `interrupted` or `diverged`; of no meaning if there is a failure."""
    results: dict[str, Any]
    """Fields of `exp.run_folder.results.Results`."""
    evaluation: Evaluation | None
    """The evaluation of the last step on the test split, if `checkpoint.best` asked for one."""
    best: BestSoFar | None
    """The step that was the best, if the run is chosen by a metric."""
    failure: BaseException | None = None
    """The error that ended training, to be raised again."""


def train(run: RunContext) -> Trained:
    """Train to the last step, or until patience, time, a signal, a loss that is not finite, or an error ends it."""
    config, components = run.config, run.components
    period = period_of(config, steps_per_epoch=components.order.steps_per_epoch)
    evaluations, last = _evaluations(run), last_step(run)
    calls = plan_calls(
        first=run.state.step,
        last=last,
        steps_per_call=components.program.steps_per_call,
        every=[config.checkpoint.every, *map(period, evaluations), *(hook.every for hook in config.hooks)],
        detailed=components.detailed_every(),
        ends=_profile_ends(run),
    )
    run = without_figures_out_of_turn(run, period)
    learning_rate = _learning_rate(run)
    selection = selection_of(config, components.program.task)
    saved = {step: record.metrics for step, record in run.state.earlier.items()}
    selection.resume(run.state.run_state, saved=saved)
    made_up_for = MadeUp(run, {})
    try:
        _log_beginning(run, is_end=not calls)
        made_up_for = make_up(run, evaluations, selection, period)
        batches = Batches(calls, components.training_batches(calls))
    except Stopped:
        batches = Batches([], None)
    run = made_up_for.run
    checkpoints = _open_checkpoints(run)
    training = _training(
        run,
        checkpoints,
        last=last,
        learning_rate=learning_rate,
        evaluations=evaluations,
        period=period,
        selection=selection,
    )
    training.evaluated.update(made_up_for.evaluated)
    failure: BaseException | None = None
    try:
        try:
            training.run(batches)
        finally:
            checkpoints.close()
    except BaseException as error:  # raised again, once the results of what was trained are noted
        failure = error
    if failure is None and training.profiler and training.profiler.note:
        run.display.say(training.profiler.note)
    tested = training.evaluated.get("test")
    return Trained(
        training.status,
        _results(run, training, checkpoints),
        tested[1] if tested and tested[0] == training.step else None,
        selection.now.best,
        failure,
    )


def _evaluations(run: RunContext) -> dict[str, Evaluate]:
    """What is evaluated while the run trains, by split: the validation split, and the test split if it is asked for."""
    components, executor = run.components, run.components.executor

    def evaluating(name: str) -> Evaluate:
        batches = components.evaluation_batches(components.dataset.splits[name])

        def evaluate(step: int) -> Evaluation:
            if name == "test":
                run.note_test_reading(by="checkpoint", step=step)
            with averaged(components):
                return executor.evaluate(batches, between=run.stop.check)

        return evaluate

    asked = [] if components.dataset.validation is None else ["validation"]
    asked += ["test"] if (run.config.checkpoint.best or "").startswith("test/") else []
    return {name: evaluating(name) for name in asked}


def _learning_rate(run: RunContext) -> Callable[[int], float] | None:
    """The learning rate of each step, which is smaller in a run that was rewound; None if it never changes."""
    schedule = run.components.schedule
    if schedule is None:
        return None
    factor = run.config.train.rewind_factor ** len(run.state.run_state.rewinds)
    executor, optimizer = run.components.executor, run.components.program.optimizer
    with executor.scope():
        before = int(np.asarray(executor.read([optimizer.iterations])[0])) - run.state.step
        values = [np.asarray(value, np.float32) for value in (factor, before)]
        executor.write([schedule.factor, schedule.before], values)
    return lambda step: factor * schedule.at(step)


def _profile_ends(run: RunContext) -> Sequence[int]:
    """Steps at which a call must end because profiling begins or ends there; none if calls all have one size."""
    wanted = run.config.exec.profile
    return (wanted[0] - 1, wanted[1]) if wanted and run.components.executor.calls_of_any_size else ()


def _log_beginning(run: RunContext, *, is_end: bool) -> None:
    """Log what is known of the checkpoint that was restored, and the first batches as pictures.

    If it is the last one, there are no batches, and the closing test will log the figures of the test.
    """
    components, first = run.components, run.state.step
    others = ("train/", "test/") if is_end else ("train/",)
    known = {name: value for name, value in run.state.metrics.items() if not name.startswith(others)}
    if known:
        run.logger.metrics(first, known)
    if run.shows_images and not is_end:
        from exp.visualize.image_batches import image_batches_grid

        grid = image_batches_grid(components.dataset, order=components.order, feed=components.feed, first=first)
        run.logger.image(first, "train/batches", grid)


def _open_checkpoints(run: RunContext) -> Checkpoints:
    if not run.writes:
        return NoCheckpoints()
    directory, state = run.folder.checkpoints, run.state
    set_aside(directory, run.config.checkpoint.name, state.passed_over)
    # The log goes to disk first: a checkpoint must never be ahead of the log of its run.
    checkpoints = open_checkpoints(run.components, directory, run=state.run, before_writing=run.logger.flush)
    checkpoints.adopt(state.earlier)
    return checkpoints


def _training(
    run: RunContext,
    checkpoints: Checkpoints,
    *,
    last: int,
    learning_rate: Callable[[int], float] | None,
    evaluations: Mapping[str, Evaluate],
    period: Callable[[str], int],
    selection: Selection,
) -> Training:
    config, components = run.config, run.components
    profiled = config.exec.profile if run.writes else None
    return Training(
        executor=components.executor,
        checkpoints=checkpoints,
        logger=run.logger,
        display=run.display,
        stop=run.stop,
        step=run.state.step,
        last=last,
        stopped="max_seconds" if last != components.total_steps else None,
        batch_size=components.program.batch_size,
        steps_per_epoch=components.order.steps_per_epoch,
        save_every=config.checkpoint.every,
        log_every=config.summary.every,
        summaries_every=config.summary.figures,
        histograms_every=config.summary.histograms,
        hooks=own_hooks(run),
        weights=components.program.model.trainable_variables,
        other_losses=lambda: components.program.other_losses,
        profiler=Profiler(run.folder.path, first=profiled[0], last=profiled[1]) if profiled else None,
        loss=run.state.loss,
        others={name: value for name, value in run.state.run_state.others.items() if value is not None},
        learning_rate=learning_rate,
        evaluations=evaluations,
        period=period,
        selection=selection,
        max_seconds=config.train.max_seconds,
    )


def _results(run: RunContext, training: Training, checkpoints: Checkpoints) -> dict[str, Any]:
    """Fields of `Results`, also of a training that failed half way."""
    seconds, state = training.seconds, training.selection.now
    timed = ("first_step", "train", "data_wait", "checkpoint", "summary")
    validation = {"validation": seconds.evaluations.get("validation", 0.0)}
    results: dict[str, Any] = {
        "step": training.step,
        "examples": training.step * training.batch_size,
        "train": {"loss": training.loss, **training.others} if training.status != "diverged" else {"loss": None},
        "validation": state.validation or None,
        "best": _best(training.selection, checkpoints),
        "stopped": training.stopped,
        "examples_per_second": training.examples_per_second(),
        "checkpoint": str(checkpoints.newest) if checkpoints.newest else None,
        "error": training.error,
        "seconds": {**{name: getattr(seconds, name) for name in timed}, **validation},
    }
    if training.step > run.state.step:  # else there is nothing to be quicker
        parts = shares(seconds)
        pays = seconds.train > LONG_SECONDS and run.components.bfloat16_pays
        results["time"] = {**parts, "advice": advice(parts, run.config, bfloat16_pays=pays)}
    return results


def _best(selection: Selection, checkpoints: Checkpoints) -> dict[str, Any] | None:
    """The best step so far, as results have it."""
    best = selection.now.best
    if best is None or selection.best is None:
        return None
    kept = checkpoints.prefix(best.step)
    return {
        "metric": selection.best.metric,
        "value": best.value,
        "step": best.step,
        "checkpoint": str(kept) if kept else None,
    }
