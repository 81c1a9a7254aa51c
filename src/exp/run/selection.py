"""What a run is chosen by: its best step so far, and how much patience is left. Plain values, in plain Python."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from exp.checkpoint import BestSoFar, RunState
from exp.config import Config
from exp.errors import UserError
from exp.task import Task
from exp.terminal.words import metric_text

Goal = Literal["min", "max"]


@dataclass(frozen=True)
class Criterion:
    """A metric, and which of its values is better."""

    metric: str
    """With its split, such as `validation/accuracy`."""
    goal: Goal
    min_delta: float = 0.0
    """By how much a value must be better to count as such."""

    @property
    def split(self) -> str:
        """The split that the metric is of."""
        return self.metric.partition("/")[0]

    def is_better(self, value: float, than: float | None) -> bool:
        """Whether a value is better than the best one so far, which is None at first; what is not finite never is."""
        if not math.isfinite(value):
            return False
        if than is None:
            return True
        return value > than + self.min_delta if self.goal == "max" else value < than - self.min_delta


class Selection:
    """Minds the figures of a run: which step is the best, and whether patience is used up.

    There are two states. `now` has all that was seen. `lasting`, which goes into checkpoints, lacks what was seen out
    of turn, at the last step of a run whose periods do not end there: the same run, asked for with more steps, would
    not have seen it.
    """

    def __init__(
        self,
        *,
        best: Criterion | None = None,
        keeps_best: bool = True,
        monitor: Criterion | None = None,
        patience: int | None = None,
    ) -> None:
        """Nothing was seen yet.

        Args:
            best: what the best step is chosen by; None: there is none.
            keeps_best: whether its checkpoint is to be kept; else it is only told.
            monitor: what patience minds.
            patience: validations without a better value of the monitored metric, after which a run is ended.
        """
        self.best, self._monitor, self._patience = best, monitor, patience
        self._keeps_best = keeps_best
        self.now = self.lasting = RunState()

    def resume(self, state: RunState, *, saved: Mapping[int, Mapping[str, float]]) -> None:
        """Go on from the state of a checkpoint.

        Args:
            state: as the checkpoint's record has it.
            saved: the metrics of all checkpoints of the run. Earlier versions had no other memory of the best one; and
                the checkpoint of the best one may have given way to a better one that does not count any more.
        """
        self.now = self.lasting = state
        if self._keeps_best and (state.best is None or state.best.step not in saved):
            self.now = self.lasting = state.model_copy(update={"best": None})
            for step, metrics in sorted(saved.items()):
                self.now = self.lasting = self._with_best(self.now, step, metrics)

    def saw(self, step: int, figures: Mapping[str, float], *, in_turn: bool) -> bool:
        """Take in figures of a step.

        Args:
            step: the number of steps done.
            figures: of one split or of several, by tag, such as `validation/loss`.
            in_turn: whether the step is one of those that come in every run like this, however long.

        Returns:
            Whether the step is the best one so far, and is to be kept.
        """
        before = self.now.best
        self._update(lambda state: self._after(state, step, figures), in_turn=in_turn)
        return self._keeps_best and self.now.best != before

    def evaluated(self, step: int, split: str, facts: Mapping[str, float], *, in_turn: bool) -> None:
        """Note that a split was evaluated after a step.

        Args:
            step: the number of steps done.
            split: `validation` or `test`.
            facts: what came out, as in `results.json`.
            in_turn: as in `saw`.
        """
        finite = {name: value if math.isfinite(value) else None for name, value in facts.items()}
        tagged = {f"{split}/{name}": value for name, value in finite.items() if name != "examples"}
        update: dict[str, object] = {
            "evaluated": {**self.lasting.evaluated, split: step},
            "latest": {**self.lasting.latest, **tagged},
        }
        if split == "validation":
            update["validation"] = {**finite, "step": step}
        self._update(lambda state: state.model_copy(update=update), in_turn=in_turn)

    @property
    def is_out_of_patience(self) -> bool:
        """Whether too many validations were without a better value."""
        return self._patience is not None and self.now.waited >= self._patience

    def kept(self) -> set[int]:
        """The steps whose checkpoints this run, or the same run with more steps, may want to go back to."""
        states = (self.now, self.lasting) if self._keeps_best else ()
        return {state.best.step for state in states if state.best is not None}

    def best_in_words(self) -> str:
        """The best step so far; empty if there is none."""
        best = self.now.best
        return f"best {metric_text(self.best.metric, best.value)} at step {best.step}" if best and self.best else ""

    def _update(self, update: Callable[[RunState], RunState], *, in_turn: bool) -> None:
        self.now = update(self.now)
        if in_turn:
            self.lasting = update(self.lasting)

    def _after(self, state: RunState, step: int, figures: Mapping[str, float]) -> RunState:
        state = self._with_best(state, step, figures)
        value = figures.get(self._monitor.metric) if self._monitor else None
        if self._monitor is None or value is None:
            return state
        better = self._monitor.is_better(value, state.monitored)
        return state.model_copy(update={"monitored": value, "waited": 0} if better else {"waited": state.waited + 1})

    def _with_best(self, state: RunState, step: int, figures: Mapping[str, float]) -> RunState:
        value = figures.get(self.best.metric) if self.best else None
        if (
            self.best is None
            or value is None
            or not self.best.is_better(value, state.best.value if state.best else None)
        ):
            return state
        return state.model_copy(update={"best": BestSoFar(value=value, step=step)})


def selection_of(config: Config, task: Task) -> Selection:
    """What `checkpoint.best`, `train.monitor` and `train.patience` ask for.

    Raises:
        UserError: there is no such metric, or its direction is not known.
    """
    train = config.train
    monitor = None
    if config.data.validation is not None:
        monitor = _criterion("train.monitor", train.monitor, task, min_delta=train.min_delta)
        if monitor is None and train.patience is not None:
            raise UserError(_unknown_direction("train.monitor", train.monitor, "checkpoint.goal does not go with it"))
    best = best_criterion(config, task)
    return Selection(
        best=best or _plain(monitor), keeps_best=best is not None, monitor=monitor, patience=train.patience
    )


def best_criterion(config: Config, task: Task) -> Criterion | None:
    """What `checkpoint.best` asks for.

    Raises:
        UserError: there is no such metric, or its direction is not known.
    """
    asked = config.checkpoint
    if asked.best is None:
        return None
    found = _criterion("checkpoint.best", asked.best, task, goal=asked.goal)
    if found is None:
        raise UserError(
            _unknown_direction("checkpoint.best", asked.best, "add checkpoint.goal=max or checkpoint.goal=min")
        )
    return found


def period_of(config: Config, *, steps_per_epoch: int) -> Callable[[str], int]:
    """The steps from one evaluation to the next, for each split; the training loss counts at each checkpoint."""
    validate_every = config.train.validate_every or steps_per_epoch
    return lambda split: validate_every if split == "validation" else config.checkpoint.every


def _plain(criterion: Criterion | None) -> Criterion | None:
    return None if criterion is None else Criterion(criterion.metric, criterion.goal)


def _criterion(
    key: str, wanted: str, task: Task, *, goal: Goal | None = None, min_delta: float = 0.0
) -> Criterion | None:
    """The criterion for a metric; None if nothing says which of its values is better."""
    split, _, name = wanted.partition("/")
    if name == "loss":
        return Criterion(wanted, goal or "min", min_delta)
    if name not in task.metrics:
        known = ", ".join(f"{split}/{name}" for name in ("loss", *task.metrics))
        raise UserError(f"{key}={wanted}: must be one of {known}")
    goal = goal or task.metrics[name].direction
    return None if goal is None else Criterion(wanted, goal, min_delta)


def _unknown_direction(key: str, wanted: str, remedy: str) -> str:
    return f"{key}={wanted}: nothing says whether its best value is the largest or the smallest; {remedy}"
