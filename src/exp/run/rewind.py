"""`train.on_nan=rewind`: a run that diverges goes back to its last checkpoint, with a smaller learning rate."""

from collections.abc import Mapping
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
    while (unwanted := _to_pass_over(run, trained)) is not None:
        run = _gone_back(run, trained, unwanted)
        trained = train(run)
    return run, trained


def rewinds_of(run: RunContext) -> list[dict[str, int]]:
    """The times that a run went back, as results have them."""
    return [rewind.model_dump() for rewind in run.state.run_state.rewinds]


def _to_pass_over(run: RunContext, trained: Trained) -> dict[int, str] | None:
    """The checkpoints that are passed over to go back, by step, with the reason; None if the run does not go back.

    It goes to the newest checkpoint from which a smaller learning rate can lead elsewhere. The loss of the step that
    follows a checkpoint depends on its weights alone. And the checkpoint that led here after the last rewind would do
    so again.
    """
    asked, earlier = run.config.train, run.state.run_state.rewinds
    if trained.failure or trained.status != "diverged" or asked.on_nan != "rewind":
        return None
    # The chief has written its checkpoints once all are here.
    run.group.same("diverged", lambda: {"step": trained.results["step"]})
    if len(earlier) >= asked.rewinds:
        return None
    name = run.config.checkpoint.name
    steps = take_inventory(run.folder.checkpoints, name, run=run.state.run).verified
    before = (step for step in steps if step < trained.results["step"] - 1)
    target = next((step for step in before if not earlier or step != earlier[-1].back_to), None)
    if target is None:
        return None
    return {step: f"{name}-{step}: led to a loss that is not finite" for step in steps if step > target}


def _gone_back(run: RunContext, trained: Trained, unwanted: Mapping[int, str]) -> RunContext:
    """The run with the values of an earlier checkpoint, and its log as it was then."""
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
    with_events = run.config.logger.tensorboard
    run.logger.begin_again(lambda: file_loggers(run.folder.path, done=state.step, tensorboard=with_events))
    return replace(run, state=replace(state, record=record))
