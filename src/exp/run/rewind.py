"""`train.on_nan=rewind`: a run that diverges goes back to its last checkpoint, with a smaller learning rate."""

from dataclasses import replace

from exp.checkpoint import Rewind, RunState, take_inventory
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
    run.group.same(
        "diverged", lambda: {"step": trained.results["step"]}
    )  # the chief has written its checkpoints by now
    return len(run.state.run_state.rewinds) < asked.rewinds and _target(run, trained) is not None


def _target(run: RunContext, trained: Trained) -> int | None:
    """The step to go back to: that of the newest checkpoint from which a smaller learning rate can lead elsewhere.

    The loss of the step that follows a checkpoint depends on its weights alone. And the checkpoint that led here after
    the last rewind would do so again.
    """
    earlier = run.state.run_state.rewinds
    steps = take_inventory(run.folder.checkpoints, run.config.checkpoint.name, run=run.state.run).verified
    before = (step for step in steps if step < trained.results["step"] - 1)
    return next((step for step in before if not earlier or step != earlier[-1].back_to), None)


def _gone_back(run: RunContext, trained: Trained) -> RunContext:
    """The run with the values of an earlier checkpoint, and its log as it was then."""
    target = _target(run, trained)
    steps = take_inventory(run.folder.checkpoints, run.config.checkpoint.name, run=run.state.run).verified
    newer = {step: f"{run.config.checkpoint.name}-{step}: led to a loss that is not finite" for step in steps}
    unwanted = {step: why for step, why in newer.items() if target is not None and step > target}
    state = resumed_state(run.folder.path, run.components, run.display, unwanted=unwanted)
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
