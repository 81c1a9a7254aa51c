"""Which weights a run tests: those of its last step, or those of the best one, and what they were chosen by."""

from typing import NamedTuple

from exp.checkpoint import Wanted, prefix_of, restore
from exp.exec import Evaluation
from exp.run.context import RunContext
from exp.run.find_checkpoint import BEST
from exp.run.selection import best_criterion
from exp.run.train import Trained
from exp.terminal.words import metric_text


class Tested(NamedTuple):
    """The weights that are tested, which the model has."""

    which: str
    """`last` or `best`."""
    step: int
    """The step after which the model had these weights."""
    selected_on: str | None
    """The split by which they were chosen among others; None if they were not chosen."""
    known: Evaluation | None
    """Their evaluation on the test split, if that was made and logged already."""


def tested_anew(run: RunContext) -> Tested:
    """What mode=test tests: the weights that were restored."""
    step, criterion = run.state.step, best_criterion(run.config, run.components.program.task)
    if criterion and run.config.checkpoint.restore == BEST:
        return Tested("best", step, criterion.split, None)
    return Tested("last", step, None, None)


def take_tested(run: RunContext, trained: Trained) -> Tested:
    """Give the model the weights that are to be tested.

    Raises:
        CheckpointError: the checkpoint of the best step cannot be trusted.
    """
    last, best = trained.results["step"], trained.best
    criterion = best_criterion(run.config, run.components.program.task)
    if criterion is None or best is None:
        stopped_by = run.config.train.monitor.partition("/")[0]
        return Tested(
            "last", last, stopped_by if trained.results["stopped"] == "patience" else None, trained.evaluation
        )
    if best.step == last:
        return Tested("best", last, criterion.split, trained.evaluation)
    run.group.same("best step", lambda: {"step": best.step})  # the chief has written it, once all are here
    prefix = prefix_of(run.folder.checkpoints, run.config.checkpoint.name, best.step)
    with run.components.executor.scope():
        wanted = Wanted(roots=run.components.tested_roots)
        restore(prefix, run.components.roots, access=run.components.executor, wanted=wanted)
    value = metric_text(criterion.metric, best.value)
    run.display.say(f"tested is {prefix.name}, the best by {criterion.metric} ({value})")
    return Tested("best", best.step, criterion.split, None)
