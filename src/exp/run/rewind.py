"""`train.on_nan=rewind`: a run that diverges goes back to its last checkpoint, with a smaller learning rate."""

from dataclasses import replace

from exp.checkpoint import Rewind, RunState
from exp.loggers.folder_loggers import file_loggers
from exp.run.context import RunContext
from exp.run.initial_state import resumed_state
from exp.run.train import Trained, train


def train_with_rewinds(run: RunContext) -> tuple[RunContext, Trained]:
    """Train; if the run diverges, go back as often as the configuration allows.

    A run that was killed in between diverges at the same step when it goes on, and goes back as it would have done.

    Returns:
        The run as it was trained last, and what came out of that.
    """
    trained = train(run)
    while _may_go_back(run, trained):
        run = _gone_back(run, trained)
        trained = train(run)
    return run, trained


def rewinds_of(run: RunContext) -> list[dict[str, int]]:
    """The times that a run went back, as results have them."""
    return [rewind.model_dump() for rewind in run.state.run_state.rewinds]


def _may_go_back(run: RunContext, trained: Trained) -> bool:
    asked = run.config.train
    if trained.failure or trained.status != "diverged" or asked.on_nan != "rewind":
        return False
    if not trained.results["checkpoint"] and run.writes:
        run.display.say("train.on_nan=rewind: there is no checkpoint yet to go back to; try a smaller checkpoint.every")
        return False
    return len(run.state.run_state.rewinds) < asked.rewinds


def _gone_back(run: RunContext, trained: Trained) -> RunContext:
    """The run with the values of its newest checkpoint, and its log as it was then."""
    run.group.same("rewind", lambda: {"step": trained.results["step"]})  # the chief has written its checkpoints by now
    state = resumed_state(run.folder.path, run.components, run.display)
    assert state.record is not None
    rewinds = [*run.state.run_state.rewinds, Rewind(diverged_at=trained.results["step"], back_to=state.step)]
    asked = run.config.train
    share, count = f"{asked.rewind_factor ** len(rewinds):g}", f"{len(rewinds)} of at most {asked.rewinds}"
    run.display.say(
        f"{trained.results['error']}; back to step {state.step}, with {share} of the learning rate (rewind {count})"
    )
    remembered: RunState = state.record.state.model_copy(update={"rewinds": rewinds})
    record = state.record.model_copy(update={"state": remembered})
    run.logger.begin_again(lambda: file_loggers(run.folder.path, done=state.step))
    return replace(run, state=replace(state, record=record))
