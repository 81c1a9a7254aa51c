"""The evaluation stage: every example of the test split exactly once, and what is shown of the predictions."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from exp.data import evaluation_batches
from exp.exec import Evaluation
from exp.run.averaged import averaged
from exp.run.context import RunContext
from exp.run_folder import names
from exp.system.signals import leaving_long_work

if TYPE_CHECKING:
    from exp.run.tested import Tested


def evaluate(run: RunContext, *, step: int, tested: "Tested") -> Evaluation:
    """Evaluate the model on the test split, and log the metrics.

    Args:
        run: the run, whose model has the weights that are tested.
        step: the last step of the run, with which the metrics are logged.
        tested: which weights these are.

    Raises:
        Stopped: a signal came meanwhile.
    """
    split = run.components.dataset.test
    if tested.known is not None:
        evaluation = tested.known
    else:
        batches = run.components.evaluation_batches(split)
        by = "closing test" if run.config.mode == "train" else "mode=test"
        run.note_test_reading(by=by, step=tested.step)
        with averaged(run.components):
            evaluation = run.components.executor.evaluate(batches, between=run.stop.check)
    assert evaluation.examples == split.size, f"evaluated {evaluation.examples} examples of {split.size}"
    if tested.known is None:
        run.logger.metrics(step, evaluation.tagged("test"))
    return evaluation


def show_predictions(run: RunContext, *, step: int) -> None:
    """Log what the model gives for the worst pictures of the test split; for classes a confusion matrix, too.

    Raises:
        Stopped: a signal came meanwhile.
    """
    components = run.components
    if not run.shows_images or not (components.predicts_classes or components.gives_pictures):
        return
    with leaving_long_work(True):  # no other worker waits for this
        batches = evaluation_batches(components.dataset.test, replace(components.feed, rows=None))
        show = _show_classes if components.predicts_classes else _show_given_pictures
        with averaged(components):
            show(run, step, batches)


def _show_classes(run: RunContext, step: int, batches: Any) -> None:
    from exp.exec.step import called
    from exp.visualize.charts import confusion_chart
    from exp.visualize.class_predictions import predict_classes, worst_images_grid

    components, dataset = run.components, run.components.dataset
    predictions = predict_classes(batches, components.executor.computing(called(components.program.model)))
    run.logger.image(step, "test/worst", worst_images_grid(dataset, predictions))
    chart = confusion_chart(predictions.confusion(), dataset.class_names or ())
    run.logger.image(step, "test/confusion", chart)


def _show_given_pictures(run: RunContext, step: int, batches: Any) -> None:
    from exp.exec.step import called, row_losses, scaled, wanted, weights_of
    from exp.visualize.given_pictures import given_pictures_grid, worst_given

    program = run.components.program

    def compute(features: Any, targets: Any) -> Any:
        outputs = called(program.model)(features)
        asked = wanted(features, targets)
        return row_losses(program.task, asked, outputs, weights_of(targets)), scaled(features), asked, outputs

    worst = worst_given(batches, run.components.executor.computing(compute))
    with_wanted = bool(run.components.dataset.task_targets)
    run.logger.image(step, "test/worst", given_pictures_grid(worst, with_wanted=with_wanted))


def show_graph(run: RunContext) -> None:
    """Write what `exec.show_autograph` asks for: the code that AutoGraph makes, and the graph that was traced."""
    if not (run.config.exec.show_autograph and run.writes):
        return
    from exp.exec.autograph import write_code

    write_code(run.folder.path / names.AUTOGRAPH)
    graphs = run.components.executor.traces.graphs
    if graphs:
        run.logger.graph(graphs.get("train", next(iter(graphs.values()))).as_graph_def())
