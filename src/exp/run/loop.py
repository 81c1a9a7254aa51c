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
from exp.loggers.console import Display
from exp.loggers.logger import Logger, LossRow, tagged
from exp.loggers.profiler import Profiler
from exp.loggers.time_breakdown import Seconds
from exp.run.hooks import Hook
from exp.system.signals import Stopped


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
    evaluate: Callable[[], Evaluation] | None = None
    """Evaluates the model as it is, for every checkpoint; raises `Stopped` if a signal asks to stop meanwhile."""
    evaluated: tuple[int, Evaluation] | None = None
    """The step after which the last evaluation was made, and the evaluation."""
    status: str = "completed"
    loss: float | None = None
    others: Mapping[str, float] = field(default_factory=dict)
    """What the last step gave besides its loss, by name."""
    error: str | None = None
    seconds: Seconds = field(default_factory=Seconds)

    def run(self, batches: Batches) -> None:
        """Train, and leave a checkpoint of the last step; afterwards `status` says how it ended."""
        self.display.begin(done=self.step, total=self.last)
        self._first, self._first_call_steps = self.step, 0
        self._started = time.perf_counter()
        self._batches = batches
        if self.profiler:
            self.profiler.after(self.step)
        try:
            if self.stop.asked():
                self._interrupt()
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
        rows = []
        means = losses if losses.ndim == 1 else losses[:, 0]
        for step, loss in enumerate(means.tolist(), first + 1):
            self.step, self.loss = step, loss
            finite = math.isfinite(loss)
            if step % self.log_every == 0 or step == self.last or not finite:
                others = self._others(losses, step - first - 1)
                rows.append(LossRow(step, loss, (step - 1) // self.steps_per_epoch, others))
            if not finite:
                break
        self.others = self._others(losses, self.step - first - 1)
        started = time.perf_counter()
        self.logger.losses(rows)
        if not finite:
            return self._diverged(f"the loss of step {step} is {loss}", step)
        self._show(details)
        if self.profiler and self.step < self.last:
            self.profiler.after(self.step)
        self.seconds.summary += time.perf_counter() - started
        self.display.advance(done=self.step, loss=loss)
        for hook in self.hooks:
            if self.step % hook.every == 0:
                hook(self.step, self._metrics())
        if self.step % self.save_every == 0 or self.step == self.last:
            self._save(evaluated=self.evaluate is not None)
        if self.stop.asked() and self.step < self.last:
            self._interrupt()
        return self.status == "completed"

    def _metrics(self) -> dict[str, float]:
        """The latest figures, by the names that event files have."""
        losses = {} if self.loss is None else {"train/loss": self.loss}
        return {**losses, **tagged(self.others), **(self.evaluated[1].tagged("test") if self.evaluated else {})}

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

    def _interrupt(self) -> None:
        self._save(evaluated=False)
        self._wait_for_saves()
        self.status = "interrupted"
        saved = f"; saved {self.checkpoints.newest}" if self.checkpoints.newest else ""
        self.display.say(f"stopped by a signal after step {self.step}{saved}")

    def _save(self, *, evaluated: bool) -> None:
        """Save a checkpoint with its metrics, those of an evaluation among them if that is asked for."""
        metrics = {} if self.loss is None else {"train/loss": self.loss}
        started = time.perf_counter()
        if evaluated:
            metrics |= self._evaluate()
        tested = time.perf_counter()
        # The log goes to disk first: a checkpoint must never be ahead of the log of its run.
        self.logger.flush()
        flushed = time.perf_counter()
        self.seconds.tests += tested - started
        self.seconds.summary += flushed - tested
        with self.executor.scope():
            finite = {name: value for name, value in metrics.items() if math.isfinite(value)}
            self.checkpoints.save(self.step, examples=self.step * self.batch_size, metrics=finite)
        self.seconds.checkpoint += time.perf_counter() - flushed

    def _evaluate(self) -> dict[str, float]:
        """Evaluate the model as it is, and log the metrics; no metrics if a signal asks to stop meanwhile."""
        if self.evaluate is None:
            return {}
        try:
            evaluation = self.evaluate()
        except Stopped:
            return {}
        self.evaluated = self.step, evaluation
        metrics = evaluation.tagged("test")
        self.logger.metrics(self.step, metrics)
        return metrics

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
