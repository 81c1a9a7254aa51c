"""The two things that a run does, training and testing, each from its parts to its figures in `results`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from exp.checkpoint import Checkpoints, NoCheckpoints, amend_record, set_aside
from exp.config import Config
from exp.data import Call, evaluation_dataset, plan_calls, training_dataset
from exp.distributed import Folder, Group, Stop
from exp.exec import Batches, Evaluation
from exp.loggers.console import Display
from exp.loggers.logger import Logger
from exp.loggers.profiler import Profiler
from exp.loggers.time_breakdown import advice, shares
from exp.run.build import Parts
from exp.run.initial_state import Beginning, open_checkpoints
from exp.run.loop import Training
from exp.run_folder import names
from exp.system.signals import Stopped, leaving_long_work


@dataclass
class Stages:
    """A run that has been put together, and knows where it begins."""

    config: Config
    parts: Parts
    folder: Folder
    beginning: Beginning
    logger: Logger
    results: dict[str, Any]
    """`results.json`; filled in here."""
    stop: Stop
    group: Group
    """The processes that train together."""
    _tested: Evaluation | None = None
    """Of the last step, where it was tested on the way."""

    @property
    def writes(self) -> bool:
        """Whether this process writes the run folder."""
        return self.group.is_chief

    def train(self, display: Display) -> str:
        """Train to the last step, or to where it stops; return the status."""
        config, parts, first = self.config, self.parts, self.beginning.step
        calls = plan_calls(
            first=first,
            last=parts.total_steps,
            steps_per_call=parts.program.steps_per_call,
            every=config.checkpoint.every,
            detailed=parts.detailed_every(),
            ends=self._profile_ends(),
        )
        tests = evaluation_dataset(parts.dataset.test, parts.feed)
        batches = self._batches(calls, tests)
        checkpoints = self._checkpoints()
        training = Training(
            executor=parts.executor,
            checkpoints=checkpoints,
            logger=self.logger,
            display=display,
            stop=self.stop,
            step=first,
            last=parts.total_steps,
            batch_size=parts.program.batch_size,
            steps_per_epoch=parts.order.steps_per_epoch,
            save_every=config.checkpoint.every,
            log_every=config.summary.every,
            summaries_every=config.summary.figures,
            histograms_every=config.summary.histograms,
            weights=parts.program.model.trainable_variables,
            profiler=self._profiler(),
            loss=self._known_metrics().get("train/loss"),
            test=(lambda: parts.executor.evaluate(tests, between=self.stop.check)) if self._tests_checkpoints else None,
        )
        try:
            training.run(batches)
        finally:
            checkpoints.close()
            self._note(training, checkpoints)
        if training.profiler and training.profiler.note:
            display.say(training.profiler.note)
        if training.tested and training.tested[0] == training.step:
            self._tested = training.tested[1]
        return training.status

    def test(self, display: Display) -> str:
        """Test with every example exactly once, unless that is done already; return the status."""
        try:
            return self._test()
        except Stopped:
            done = f"the test of step {self.results['step']} is done when the run goes on"
            display.say(f"stopped by a signal in the test{f'; {done}' if self.config.mode == 'train' else ''}")
            return "interrupted"

    def _test(self) -> str:
        split = self.parts.dataset.test
        dataset = evaluation_dataset(split, self.parts.feed)
        test = self._tested or self.parts.executor.evaluate(dataset, between=self.stop.check)
        assert test.examples == split.size, f"tested {test.examples} examples of {split.size}"
        if self._tested is None:
            self.logger.metrics(self.results["step"], test.figures("test"))
        self.results["test"] = test.facts()
        if self.config.summary.images and self.writes and self.parts.dataset.is_pictures_of_classes:
            with leaving_long_work(True):  # no other worker waits for this
                self._show_predictions(evaluation_dataset(split, replace(self.parts.feed, rows=None)))
        if math.isfinite(test.loss):
            return "completed"
        self.results["test"]["loss"] = None
        self.results["error"] = f"the test loss is {test.loss}"
        return "diverged"

    @property
    def _tests_checkpoints(self) -> bool:
        return (self.config.checkpoint.best or "").startswith("test/")

    def _batches(self, calls: list[Call], tests: Any) -> Batches:
        """What training takes; nothing, if a signal comes before it is ready: training stops where it begins then."""
        parts = self.parts
        try:
            self._log_beginning(anything_left=bool(calls))
            self._make_up_for_test(tests)
            return Batches(calls, training_dataset(parts.dataset.train, parts.order, calls, parts.feed))
        except Stopped:
            return Batches([], None)

    def _make_up_for_test(self, tests: Any) -> None:
        """Test the checkpoint that training goes on from, if that was to be done and a signal had it left."""
        first = self.beginning.step
        due = first > 0 and (first % self.config.checkpoint.every == 0 or first == self.parts.total_steps)
        if not (due and self._tests_checkpoints) or "test/accuracy" in self._known_metrics():
            return
        result = self.parts.executor.evaluate(tests, between=self.stop.check)
        metrics = result.figures("test")
        self.logger.metrics(first, metrics)
        if first == self.parts.total_steps:
            self._tested = result
        if self.writes and self.beginning.checkpoint and all(map(math.isfinite, metrics.values())):
            record = amend_record(self.beginning.checkpoint, metrics)
            earlier = {**self.beginning.earlier, first: record}
            self.beginning = replace(self.beginning, record=record, earlier=earlier)

    def _log_beginning(self, *, anything_left: bool) -> None:
        """What is known before the first step: its batches, and the test of the checkpoint that was restored."""
        parts, first = self.parts, self.beginning.step
        if not anything_left:
            return
        tested = {name: value for name, value in self._known_metrics().items() if name.startswith("test/")}
        if tested:
            self.logger.metrics(first, tested)
        if self.config.summary.images and self.writes and self.parts.dataset.is_pictures_of_classes:
            from exp.visualize.image_batches import image_batches_grid

            grid = image_batches_grid(parts.dataset, order=parts.order, feed=parts.feed, first=first)
            self.logger.image(first, "train/batches", grid)

    def _known_metrics(self) -> Mapping[str, float]:
        """The metrics of the step that this run resumes from."""
        record = self.beginning.record
        return record.metrics if record and self.beginning.step else {}

    def _checkpoints(self) -> Checkpoints:
        if not self.writes:
            return NoCheckpoints()
        directory, beginning = self.folder.checkpoints, self.beginning
        set_aside(directory, self.config.checkpoint.name, beginning.passed_over)
        checkpoints = open_checkpoints(self.config, self.parts, directory, run=beginning.run)
        checkpoints.adopt(beginning.earlier)
        return checkpoints

    def show_graphs(self) -> None:
        """What `exec.show_autograph` asks for: AutoGraph's code, and the graph that was traced."""
        if not (self.config.exec.show_autograph and self.writes):
            return
        from exp.exec.autograph import write_code

        write_code(self.folder.path / names.AUTOGRAPH)
        graphs = self.parts.executor.traces.graphs
        if graphs:
            self.logger.graph(graphs.get("train", next(iter(graphs.values()))).as_graph_def())

    def _profiler(self) -> Profiler | None:
        wanted = self.config.exec.profile if self.writes else None
        return Profiler(self.folder.path, first=wanted[0], last=wanted[1]) if wanted else None

    def _profile_ends(self) -> Sequence[int]:
        """Steps at which a call must end because profiling begins or ends there; none if calls all have one size."""
        wanted = self.config.exec.profile
        return (wanted[0] - 1, wanted[1]) if wanted and self.parts.executor.calls_of_any_size else ()

    def _note(self, training: Training, checkpoints: Checkpoints) -> None:
        self.results |= {
            "step": training.step,
            "examples": training.step * training.batch_size,
            "train": {"loss": training.loss if training.status != "diverged" else None},
            "examples_per_second": training.examples_per_second(),
            "checkpoint": str(checkpoints.newest) if checkpoints.newest else None,
            "error": training.error,
        }
        seconds = training.seconds
        timed = ("first_step", "train", "data_wait", "checkpoint", "summary")
        self.results["seconds"] |= {name: getattr(seconds, name) for name in timed}
        if training.step > self.beginning.step:  # else there is nothing to be quicker
            parts = shares(seconds)
            self.results["time"] = {**parts, "advice": advice(parts, self.config)}

    def _show_predictions(self, dataset: Any) -> None:
        from exp.visualize.charts import confusion_chart
        from exp.visualize.class_predictions import predict_classes, worst_images_grid

        parts, step = self.parts, self.results["step"]
        predictions = predict_classes(dataset, lambda pictures: parts.executor.predict(parts.program.model, pictures))
        self.logger.image(step, "test/worst", worst_images_grid(parts.dataset, predictions))
        chart = confusion_chart(predictions.confusion(), parts.dataset.class_names or ())
        self.logger.image(step, "test/confusion", chart)
