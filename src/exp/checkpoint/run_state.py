"""What a run remembers besides its variables, in the record of each checkpoint."""

from pydantic import BaseModel, ConfigDict


class _State(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class BestSoFar(_State):
    """The best value of a metric, and its step."""

    value: float
    step: int


class Rewind(_State):
    """A time that a run diverged and went back."""

    diverged_at: int
    """The step whose loss, or after which a weight, was not finite."""
    back_to: int
    """The step of the checkpoint that was restored."""


class RunState(_State):
    """What a run remembers besides its variables, to go on as if it had not stopped."""

    loss: float | None = None
    """The training loss of the last step."""
    others: dict[str, float | None] = {}
    """What the last step gave besides, by name."""
    evaluated: dict[str, int] = {}
    """The step of the last evaluation of each split, by the split's name."""
    latest: dict[str, float | None] = {}
    """The latest figures of evaluations, by tag."""
    validation: dict[str, int | float | None] = {}
    """What the last validation gave: the loss, the metrics, the number of examples, and the step."""
    best: BestSoFar | None = None
    """The best value of the metric that the run is chosen by."""
    monitored: float | None = None
    """The best value of the metric that patience minds."""
    waited: int = 0
    """The number of validations since then."""
    seconds: float = 0.0
    """The time of training."""
    stopped: str | None = None
    """What made this step the last one: `patience`, `max_seconds`."""
    rewinds: list[Rewind] = []
    """The times that the run diverged and went back."""
