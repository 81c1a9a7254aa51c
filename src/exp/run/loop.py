"""The training loop: the only place where steps, logging, checkpoints and stopping meet.

It knows protocols, not modes: an executor runs calls, and tells `Training.after_call` about each.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from exp.checkpoint import Checkpoints, NotFiniteError
from exp.distributed import Stop
from exp.exec import Batches, Evaluation, Executor
from exp.exec.executor import Details, Losses
from exp.exec.loss_scale import LEAST
from exp.exec.recipe import LOSS_SCALE
from exp.loggers.console import Display
from exp.loggers.logger import Logger, LossRow, tagged
from exp.loggers.profiler import Profiler
from exp.loggers.time_breakdown import Seconds
from exp.run.hooks import Hook
from exp.run.selection import Selection
from exp.system.signals import Stopped

Evaluate = Callable[[int], Evaluation]
"""Evaluates the model as it is after a step; raises `Stopped` if a signal asks to stop meanwhile."""


@dataclass
class Training:
    """A stretch of training, from `step` to `last`."""

    executor: Executor
    checkpoints: Checkpoints
    logger: Logger
    display: Display
    stop: Stop
    step: int
    """Steps done so far."""
    last: int
    batch_size: int
    steps_per_epoch: int
    save_every: int
    log_every: int
    summaries_every: int = 100
    """Number of steps from one that logs the model's own summaries to the next."""
    histograms_every: int | None = None
    """Number of steps from one that logs histograms of weights and gradients to the next."""
    weights: Sequence[Any] = ()
    """The model's variables, for histograms."""
    hooks: Sequence[Hook] = ()
    """Functions of the user's; they come before the checkpoint of their step, which has what they changed."""
    profiler: Profiler | None = None
    other_losses: Callable[[], Sequence[str]] = tuple
    """The names of what a step gives besides its loss; asked for after a step."""
    learning_rate: Callable[[int], float] | None = None
    """The learning rate of a step, counted from 0; None if it does not change."""
    evaluations: Mapping[str, Evaluate] = field(default_factory=dict)
    """What evaluates the model as it is, by the split that it is evaluated on."""
    period: Callable[[str], int] = lambda split: 1
    """The steps from one evaluation on a split to the next. The last step is evaluated on each."""
    selection: Selection = field(default_factory=Selection)
    max_seconds: float | None = None
    """Training ends in good order after so many seconds of it."""
    evaluated: dict[str, tuple[int, Evaluation]] = field(default_factory=dict)
    """The step after which the last evaluation on a split was made, and the evaluation."""
    status: str = "completed"
    stopped: str | None = None
    """What ended training before the step that was asked for: `patience`, `max_seconds`."""
    loss: float | None = None
    others: Mapping[str, float] = field(default_factory=dict)
    """What the last step gave besides its loss, by name."""
    error: str | None = None
    seconds: Seconds = field(default_factory=Seconds)

    def run(self, batches: Batches) -> None:
        """Train, and leave a checkpoint of the last step; afterwards `status` says how it ended."""
        self.display.begin(done=self.step, total=self.last)
        self._first, self._first_call_steps = self.step, 0
        self._chosen_by: dict[str, float] = {}
        self._started = time.perf_counter()
        self._batches = batches
        if self.profiler:
            self.profiler.after(self.step)
        try:
            if self.stop.asked():
                self._interrupt()
            elif self.selection.is_out_of_patience and batches.calls:
                self._stop_early("patience")
            elif batches.calls:
                self.executor.train(batches, self.after_call)
            self._wait_for_saves()
        except NotFiniteError as error:
            self._diverged(str(error), error.step)
        finally:
            self.display.end()
            if self.profiler:
                self.profiler.end(self.step)
            self.seconds.train = time.perf_counter() - self._started
            self.seconds.data_wait = batches.wait_seconds if self.executor.waits_visible else None

    def after_call(self, first: int, losses: Losses, details: Details | None = None) -> bool:
        """Log a call's losses, save if it is time, and return whether training continues.

        Raises:
            SaveError, NotFiniteError: an earlier save failed in the background.
        """
        self.checkpoints.check()
        if not self._first_call_steps:
            self._first_call_steps = len(losses)
            self.seconds.first_step = time.perf_counter() - self._started
            self.seconds.first_wait = self._batches.wait_seconds
        if self.max_seconds is not None and self._seconds() >= self.max_seconds and first + len(losses) < self.last:
            self._stop_early("max_seconds", first + len(losses))
        started = time.perf_counter()
        if not self._log_losses(first, losses):
            return self._diverged(f"the loss of step {self.step} is {self.loss}", self.step)
        self._show(details)
        if self.profiler and self.step < self.last:
            self.profiler.after(self.step)
        self.seconds.summary += time.perf_counter() - started
        self._chosen_by = {}
        self._act_after_step()
        if self.stop.asked() and self.step < self.last:
            self._interrupt()
        return self.status == "completed" and self.stopped is None

    def _act_after_step(self) -> None:
        """Show the step, and do what is due after it: hooks, evaluations, the end of patience, a checkpoint."""
        assert self.loss is not None
        self.display.advance(done=self.step, loss=self.loss)
        for hook in self.hooks:
            if self.step % hook.every == 0:
                hook(self.step, self._metrics())
        is_best = self._evaluate_what_is_due()
        if self.selection.is_out_of_patience and self.step < self.last:
            self._stop_early("patience")
        if is_best or self.step % self.save_every == 0 or self.step == self.last:
            self._save()

    def _log_losses(self, first: int, losses: Losses) -> bool:
        """Log the losses of a call, up to one that is not finite; returns whether all are."""
        rows: list[LossRow] = []
        validate_every = self.period("validation") if "validation" in self.evaluations else self.log_every
        means = losses if losses.ndim == 1 else losses[:, 0]
        for row, loss in enumerate(means.tolist()):
            step = first + row + 1
            finite = math.isfinite(loss) or self._is_skipped(losses, row)
            if step % self.log_every == 0 or step % validate_every == 0 or step == self.last or not finite:
                rows.append(self._row(step, loss, self._others(losses, row)))
            if not finite:
                break
        self.step, self.loss, self.others = step, loss, self._others(losses, row)
        self.logger.losses(rows)
        return finite

    def _is_skipped(self, losses: Losses, row: int) -> bool:
        """Whether a step was skipped for an overflow of float16, which a smaller loss scale will prevent."""
        return self._others(losses, row).get(LOSS_SCALE, 0.0) >= LEAST

    def _metrics(self) -> dict[str, float]:
        """The latest figures, by the names that event files have."""
        losses = {} if self.loss is None else {"train/loss": self.loss}
        latest = {name: value for name, value in self.selection.now.latest.items() if value is not None}
        return {**losses, **tagged(self.others), **latest}

    def _row(self, step: int, loss: float, others: Mapping[str, float]) -> LossRow:
        """What is logged of a step."""
        rate = {"learning_rate": self.learning_rate(step - 1)} if self.learning_rate else {}
        return LossRow(step, loss, (step - 1) // self.steps_per_epoch, {**others, **rate})

    def _others(self, losses: Losses, row: int) -> dict[str, float]:
        """What a step of a call gave besides its loss, by name."""
        if losses.ndim == 1:
            return {}
        return dict(zip(self.other_losses(), losses[row, 1:].tolist(), strict=True))

    def _show(self, details: Details | None) -> None:
        """Log the details of the last step, if they are due."""
        if details and details.summaries and self.step % self.summaries_every == 0:
            self.logger.summaries(self.step, details.summaries)
        if self.histograms_every and self.step % self.histograms_every == 0:
            gradients = details.gradients if details else {}
            with self.executor.scope():
                values = self.executor.read(self.weights)
            weights = {f"weights/{weight.path}": value for weight, value in zip(self.weights, values, strict=True)}
            self.logger.histograms(self.step, {**weights, **{f"gradients/{p}": v for p, v in gradients.items()}})

    def _diverged(self, what: str, step: int) -> bool:
        epoch, batch = divmod(step - 1, self.steps_per_epoch)
        self.status, self.error = "diverged", f"{what} (epoch {epoch}, batch {batch} of {self.steps_per_epoch})"
        self.logger.flush()
        return False

    def _stop_early(self, why: str, step: int | None = None) -> None:
        """Make a step the last one: the present one, unless another is named."""
        self.stopped, self.last = why, self.step if step is None else step

    def _seconds(self) -> float:
        """The time of training, of earlier processes too."""
        return self.selection.now.seconds + time.perf_counter() - self._started

    def _interrupt(self) -> None:
        self._save()
        self._wait_for_saves()
        self.status = "interrupted"
        saved = f"; saved {self.checkpoints.newest}" if self.checkpoints.newest else ""
        self.display.say(f"stopped by a signal after step {self.step}{saved}")

    def _is_in_turn(self, split: str) -> bool:
        return self.step % self.period(split) == 0

    def _is_due(self, split: str) -> bool:
        return self._is_in_turn(split) or self.step == self.last

    def _evaluate_what_is_due(self) -> bool:
        """Evaluate on the splits whose turn it is; returns whether the step is the best one so far."""
        is_best = False
        for split in self.evaluations:
            figures = self._evaluate(split) if self._is_due(split) else {}
            is_best |= self.selection.saw(self.step, figures, in_turn=self._is_in_turn(split))
        self._chosen_by = {"train/loss": self.loss} if self.loss is not None and self._is_due("train") else {}
        is_best |= self.selection.saw(self.step, self._chosen_by, in_turn=self._is_in_turn("train"))
        for split, (step, evaluation) in self.evaluated.items():
            if step == self.step:
                self.display.evaluated(step, evaluation.tagged(split), self.selection.best_in_words())
        return is_best

    def _evaluate(self, split: str) -> dict[str, float]:
        """Evaluate the model as it is, and log the metrics; no metrics if a signal asks to stop meanwhile."""
        started = time.perf_counter()
        try:
            evaluation = self.evaluations[split](self.step)
        except Stopped:
            return {}
        self.evaluated[split] = self.step, evaluation
        figures = evaluation.tagged(split)
        self.selection.evaluated(self.step, split, evaluation.facts(), in_turn=self._is_in_turn(split))
        self.logger.metrics(self.step, figures)
        self.seconds.evaluations[split] = self.seconds.evaluations.get(split, 0.0) + time.perf_counter() - started
        return figures

    def _save(self) -> None:
        """Save a checkpoint, with the figures of its step."""
        figures = dict(self._chosen_by)
        for split, (step, evaluation) in self.evaluated.items():
            figures |= evaluation.tagged(split) if step == self.step else {}
        started = time.perf_counter()
        with self.executor.scope():
            finite = {name: value for name, value in figures.items() if math.isfinite(value)}
            last = {name: value if math.isfinite(value) else None for name, value in self.others.items()}
            loss = self.loss if self.loss is not None and math.isfinite(self.loss) else None
            update = {"loss": loss, "others": last, "seconds": self._seconds(), "stopped": self.stopped}
            state = self.selection.lasting.model_copy(update=update)
            self.checkpoints.save(
                self.step,
                examples=self.step * self.batch_size,
                metrics=finite,
                state=state,
                keep=self.selection.kept(),
            )
        self.seconds.checkpoint += time.perf_counter() - started

    def _wait_for_saves(self) -> None:
        started = time.perf_counter()
        self.checkpoints.wait()
        self.seconds.checkpoint += time.perf_counter() - started

    def examples_per_second(self) -> float | None:
        """Examples trained a second, without the first call, which builds graphs; None if nothing was trained."""
        steps, seconds = self.step - self._first, self.seconds.train
        if steps > self._first_call_steps:
            steps, seconds = steps - self._first_call_steps, seconds - (self.seconds.first_step or 0.0)
        return steps * self.batch_size / seconds if steps and seconds > 0 else None
