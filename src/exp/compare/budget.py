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

    The figures are the last ones that had been logged by then; those of the test set are not among them. A run that
    ended earlier, however it ended, is `short`; one that went on, whatever became of it, `completed`.

    Raises:
        UserError: a curve cannot be read.
    """
    return [_cut(run, budget) for run in runs]


def curve_metrics(runs: Sequence[Run]) -> list[str]:
    """What is known at the budget in any of the runs, what is chosen by first."""
    there = {key for run in runs for key in run.results if "/" in key}
    return sorted(there, key=lambda key: (not key.startswith("validation/"), key.endswith("/loss"), key))


def _cut(run: Run, budget: Budget) -> Run:
    curve = read_curve(run.folder)
    last = _last_step(run, budget)
    figures: dict[str, Any] = {}
    for step, values in curve:
        if step <= last:
            figures |= {key: value for key, value in values.items() if _is_wanted(key) and number(value) is not None}
    reached = bool(curve) and (curve[-1][0] >= last if budget.kind != "seconds" else last < math.inf)
    kept = {key: value for key, value in run.results.items() if key in ("mode", "replicas")}
    results = {**kept, **figures, "status": "completed" if reached and figures else "short"}
    return replace(run, results={**results, "step": int(min(last, curve[-1][0])) if curve else 0})


def _is_wanted(key: str) -> bool:
    """Whether a figure may be compared on the way; to look at the test set there would be to choose by it."""
    return not key.startswith("test/")


def _last_step(run: Run, budget: Budget) -> float:
    """The last step within the budget; infinity if the run ended before it was spent."""
    if budget.kind == "step":
        return budget.amount
    if budget.kind == "examples":
        batch_size = number(run.config.get("data.batch_size"))
        return budget.amount // batch_size if batch_size else math.inf
    times = seconds_at_steps(run.folder)
    if not times or times[-1][1] < budget.amount:
        return math.inf
    return max((step for step, seconds in times if seconds <= budget.amount), default=0)
