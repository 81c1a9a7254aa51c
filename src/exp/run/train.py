"""The training stage: from a run that is ready to what came out of its training."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from exp.checkpoint import Checkpoints, NoCheckpoints, amend_record, set_aside
from exp.config import Config
from exp.data import Call, evaluation_dataset, plan_calls, training_dataset
from exp.exec import Batches, Evaluation
from exp.loggers.profiler import Profiler
from exp.loggers.time_breakdown import advice, shares
from exp.run.context import RunContext
from exp.run.hooks import own_hooks
from exp.run.loop import Training
from exp.run.open_checkpoints import open_checkpoints
from exp.system.signals import Stopped


@dataclass(frozen=True)
class Trained:
    """What came out of training."""

    status: str
    """`completed`, `interrupted` or `diverged`; of no meaning if there is a failure."""
    results: dict[str, Any]
    """Fields of `exp.run_folder.results.Results`."""
    evaluation: Evaluation | None
    """The evaluation of the last step on the test split, if `checkpoint.best` asked for one."""
    failure: BaseException | None = None
    """The error that ended training, to be raised again."""


def train(run: RunContext) -> Trained:
    """Train to the last step, or until a signal, a loss that is not finite, or an error ends it."""
    config, components = run.config, run.components
    tests = evaluation_dataset(components.dataset.test, components.feed) if _evaluates_checkpoints(config) else None
    calls = plan_calls(
        first=run.state.step,
        last=components.total_steps,
        steps_per_call=components.program.steps_per_call,
        every=[config.checkpoint.every, *(hook.every for hook in config.hooks)],
        detailed=components.detailed_every(),
        ends=_profile_ends(run),
    )
    run, made_up_for, batches = _prepare(run, calls, tests)
    checkpoints = _open_checkpoints(run)
    training = _training(run, checkpoints, tests)
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
    last = training.evaluated
    evaluation = last[1] if last and last[0] == training.step else made_up_for
    return Trained(training.status, _results(run, training, checkpoints), evaluation, failure)


def _evaluates_checkpoints(config: Config) -> bool:
    return (config.checkpoint.best or "").startswith("test/")


def _profile_ends(run: RunContext) -> Sequence[int]:
    """Steps at which a call must end because profiling begins or ends there; none if calls all have one size."""
    wanted = run.config.exec.profile
    return (wanted[0] - 1, wanted[1]) if wanted and run.components.executor.calls_of_any_size else ()


def _prepare(run: RunContext, calls: list[Call], tests: Any) -> tuple[RunContext, Evaluation | None, Batches]:
    """Log what is known before the first step, and open the batches; none of them if a signal comes meanwhile."""
    components, evaluation = run.components, None
    try:
        if calls:
            _log_beginning(run)
        run, evaluation = _make_up_for_evaluation(run, tests)
        dataset = training_dataset(components.dataset.train, components.order, calls, components.feed)
        return run, evaluation, Batches(calls, dataset)
    except Stopped:
        return run, evaluation, Batches([], None)


def _log_beginning(run: RunContext) -> None:
    """Log the evaluation of the checkpoint that was restored, and the first batches as pictures."""
    components, first = run.components, run.state.step
    tested = {name: value for name, value in run.state.metrics.items() if name.startswith("test/")}
    if tested:
        run.logger.metrics(first, tested)
    if run.shows_images:
        from exp.visualize.image_batches import image_batches_grid

        grid = image_batches_grid(components.dataset, order=components.order, feed=components.feed, first=first)
        run.logger.image(first, "train/batches", grid)


def _make_up_for_evaluation(run: RunContext, tests: Any) -> tuple[RunContext, Evaluation | None]:
    """Evaluate the checkpoint that training resumes from, if that was due and a signal prevented it.

    Returns:
        The run, whose initial state has the metrics then; and the evaluation, if there is nothing left to train.
    """
    state, last = run.state, run.components.total_steps
    first = state.step
    due = first > 0 and (first % run.config.checkpoint.every == 0 or first == last)
    if tests is None or not due or "test/loss" in state.metrics:
        return run, None
    evaluation = run.components.executor.evaluate(tests, between=run.stop.check)
    metrics = evaluation.tagged("test")
    run.logger.metrics(first, metrics)
    if run.writes and state.checkpoint and all(map(math.isfinite, metrics.values())):
        record = amend_record(state.checkpoint, metrics)
        run = replace(run, state=replace(state, record=record, earlier={**state.earlier, first: record}))
    return run, evaluation if first == last else None


def _open_checkpoints(run: RunContext) -> Checkpoints:
    if not run.writes:
        return NoCheckpoints()
    directory, state = run.folder.checkpoints, run.state
    set_aside(directory, run.config.checkpoint.name, state.passed_over)
    checkpoints = open_checkpoints(run.components, directory, run=state.run)
    checkpoints.adopt(state.earlier)
    return checkpoints


def _training(run: RunContext, checkpoints: Checkpoints, tests: Any) -> Training:
    config, components = run.config, run.components
    executor, stop = components.executor, run.stop
    profiled = config.exec.profile if run.writes else None
    return Training(
        executor=executor,
        checkpoints=checkpoints,
        logger=run.logger,
        display=run.display,
        stop=stop,
        step=run.state.step,
        last=components.total_steps,
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
        loss=run.state.metrics.get("train/loss"),
        evaluate=None if tests is None else lambda: executor.evaluate(tests, between=stop.check),
    )


def _results(run: RunContext, training: Training, checkpoints: Checkpoints) -> dict[str, Any]:
    """Fields of `Results`, also of a training that failed half way."""
    seconds = training.seconds
    timed = ("first_step", "train", "data_wait", "checkpoint", "summary")
    results = {
        "step": training.step,
        "examples": training.step * training.batch_size,
        "train": {"loss": training.loss, **training.others} if training.status != "diverged" else {"loss": None},
        "examples_per_second": training.examples_per_second(),
        "checkpoint": str(checkpoints.newest) if checkpoints.newest else None,
        "error": training.error,
        "seconds": {name: getattr(seconds, name) for name in timed},
    }
    if training.step > run.state.step:  # else there is nothing to be quicker
        parts = shares(seconds)
        results["time"] = {**parts, "advice": advice(parts, run.config)}
    return results
