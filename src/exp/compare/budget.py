"""Comparing at an equal budget: what runs had reached after as many steps, examples or seconds, by their curves."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from exp.compare.runs import Run, number
from exp.errors import UserError
from exp.run_folder.event_times import seconds_at_steps
from exp.run_folder.read import read_curve

KINDS = ("step", "examples", "seconds")


@dataclass(frozen=True)
class Budget:
    """An amount of steps, of examples, or of seconds of training."""

    kind: str
    amount: float

    def __str__(self) -> str:
        """As it is given on the command line."""
        return f"{self.kind}={self.amount:g}"


def budget_from(text: str) -> Budget:
    """The budget that `--at` names.

    Raises:
        UserError: it is none.
    """
    kind, _, amount = text.partition("=")
    try:
        budget = Budget(kind, float(amount))
    except ValueError:
        budget = Budget(kind, math.nan)
    if kind not in KINDS or not 0 < budget.amount < math.inf:
        raise UserError(f"--at {text}: must be step=N, examples=N or seconds=N, with N above 0")
    return budget


def at_budget(runs: Sequence[Run], budget: Budget) -> list[Run]:
    """The runs as they were when the budget was spent.

    The figures are the last ones that had been logged by then; those of the test set are not among them, because to
    look at them on the way would be to choose by them. A run that ended earlier is `short`, or `diverged` if that is
    why; one that went on is `completed`, whatever became of it. `step` and `examples` are those of the last figure.

    Raises:
        UserError: a curve cannot be read.
    """
    return [_cut(run, budget) for run in runs]


def curve_metrics(runs: Sequence[Run]) -> list[str]:
    """What is known at the budget in any of the runs, what is chosen by first."""
    there = {key for run in runs for key in run.results if "/" in key}
    return sorted(there, key=lambda key: (not key.startswith("validation/"), key.endswith("/loss"), key))


def _cut(run: Run, budget: Budget) -> Run:
    curve, last = read_curve(run.folder), _last_step(run, budget)
    within = [(step, figures) for step, figures in curve if step <= last]
    figures: dict[str, Any] = {}
    for _, values in within:
        figures |= {key: value for key, value in values.items() if not key.startswith("test/")}
    step = within[-1][0] if within else 0
    was_lost = run.results.get("status") == "diverged" and (not curve or curve[-1][0] <= last)
    is_spent = last < math.inf and bool(curve) and curve[-1][0] >= last
    status = "diverged" if was_lost else "completed" if is_spent else "short"
    kept = {key: value for key, value in run.results.items() if key in ("mode", "replicas")}
    counts = {"step": step, "examples": step * (number(run.config.get("data.batch_size")) or 0)}
    return replace(run, results={**kept, **figures, **counts, "status": status}, until=last)


def _last_step(run: Run, budget: Budget) -> float:
    """The last step within the budget; infinity if the run ended before it was spent, or does not say when."""
    if budget.kind == "step":
        return budget.amount
    if budget.kind == "examples":
        batch_size = number(run.config.get("data.batch_size"))
        return budget.amount // batch_size if batch_size else math.inf
    times = seconds_at_steps(run.folder)
    if not times or times[-1][1] < budget.amount:
        return math.inf
    return max((step for step, seconds in times if seconds <= budget.amount), default=0)
