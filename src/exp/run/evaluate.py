"""The evaluation stage: every example of the test split exactly once, and what is shown of the predictions."""

from dataclasses import replace

from exp.data import evaluation_dataset
from exp.exec import Evaluation
from exp.run.context import RunContext
from exp.run_folder import names
from exp.system.signals import leaving_long_work


def evaluate(run: RunContext, *, step: int, known: Evaluation | None) -> Evaluation:
    """Evaluate the model on the test split, and log the metrics.

    Args:
        run: the run, whose model has its last weights.
        step: the step after which the model has these weights.
        known: the evaluation of these weights, if it was made and logged already.

    Raises:
        Stopped: a signal came meanwhile.
    """
    split = run.components.dataset.test
    if known is not None:
        evaluation = known
    else:
        dataset = evaluation_dataset(split, run.components.feed)
        evaluation = run.components.executor.evaluate(dataset, between=run.stop.check)
    assert evaluation.examples == split.size, f"evaluated {evaluation.examples} examples of {split.size}"
    if known is None:
        run.logger.metrics(step, evaluation.tagged("test"))
    return evaluation


def show_predictions(run: RunContext, *, step: int) -> None:
    """Log the worst predictions of the test split as pictures, and its confusion matrix.

    Raises:
        Stopped: a signal came meanwhile.
    """
    if not run.shows_images:
        return
    from exp.visualize.charts import confusion_chart
    from exp.visualize.class_predictions import predict_classes, worst_images_grid

    components = run.components
    model, dataset = components.program.model, components.dataset
    with leaving_long_work(True):  # no other worker waits for this
        batches = evaluation_dataset(dataset.test, replace(components.feed, rows=None))
        predictions = predict_classes(batches, lambda images: components.executor.predict(model, images))
        run.logger.image(step, "test/worst", worst_images_grid(dataset, predictions))
        chart = confusion_chart(predictions.confusion(), dataset.class_names or ())
        run.logger.image(step, "test/confusion", chart)


def show_graph(run: RunContext) -> None:
    """Write what `exec.show_autograph` asks for: the code that AutoGraph makes, and the graph that was traced."""
    if not (run.config.exec.show_autograph and run.writes):
        return
    from exp.exec.autograph import write_code

    write_code(run.folder.path / names.AUTOGRAPH)
    graphs = run.components.executor.traces.graphs
    if graphs:
        run.logger.graph(graphs.get("train", next(iter(graphs.values()))).as_graph_def())
