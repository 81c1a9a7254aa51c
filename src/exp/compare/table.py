"""What a table of runs shows: which runs, the keys in which their rows differ, and in which order."""

from collections.abc import Sequence

from exp.compare.rows import Row, incomplete
from exp.compare.runs import Run
from exp.compare.seeds import SEEDS
from exp.config import yaml_text
from exp.config.choices import KINDS
from exp.errors import UserError
from exp.run_folder.results import tagged_metrics


def choose(runs: Sequence[Run], where: Sequence[str]) -> list[Run]:
    """The runs that fit every condition KEY=VALUE.

    Raises:
        UserError: a condition cannot be read, names a key that no run has, or leaves nothing.
    """
    chosen = list(runs)
    for condition in where:
        key, sign, wanted = condition.partition("=")
        if not sign:
            raise UserError(f"--where {condition}: must be KEY=VALUE, such as model=cnn")
        check_key("--where", key, runs)
        there = sorted({yaml_text(run.value(key)) for run in chosen})
        chosen = [run for run in chosen if yaml_text(run.value(key)) == wanted]
        if not chosen:
            raise UserError(f"--where {condition}: no run fits; {key} is {', '.join(there)}")
    return chosen


def differing(rows: Sequence[Row]) -> list[str]:
    """The configuration keys in which rows differ, choices first."""
    keys = sorted({key for row in rows for run in row.runs for key in run.config} - {*SEEDS})
    different = [key for key in keys if len({yaml_text(row.value(key)) for row in rows}) > 1]
    different = [key for key in different if not _is_said_by_choice(key, rows)]
    return sorted(different, key=lambda key: (key not in KINDS, key))


def _is_said_by_choice(key: str, rows: Sequence[Row]) -> bool:
    """Whether a key is what a choice stands for, and rows with the same choice have the same there."""
    group, _, kind = key.partition(".")
    if KINDS.get(group) != kind:
        return False
    pairs = {(yaml_text(row.value(group)), yaml_text(row.value(key))) for row in rows}
    return len({choice for choice, _ in pairs}) == len(pairs)


def metrics_of(rows: Sequence[Row]) -> list[str]:
    """The metrics that any of the runs has, such as `test/accuracy`."""
    return tagged_metrics(key for row in rows for run in row.runs for key in run.results)


def first_metric(rows: Sequence[Row]) -> str:
    """The metric of a comparison that names none: the first one of the test, else its loss."""
    return next((metric for metric in metrics_of(rows) if metric.startswith("test/")), "test/loss")


def selected_on_test(rows: Sequence[Row]) -> list[str]:
    """The names of the rows whose tested weights were chosen by the test set."""
    return [row.name for row in rows if any(run.results.get("selected_on") == "test" for run in row.runs)]


def goal_of(rows: Sequence[Row], metric: str) -> str | None:
    """Whether the best value of a metric is the largest (`max`) or the smallest (`min`); None if nothing says it."""
    goals = {goal for row in rows for run in row.runs if (goal := run.goal(metric))}
    if len(goals) == 1:
        return goals.pop()
    if metric.endswith(("accuracy", "per_second")):
        return "max"
    return "min" if metric.endswith("/loss") or metric.startswith("seconds.") else None


def sort(rows: Sequence[Row], key: str) -> list[Row]:
    """The best first: high accuracies and speeds, low losses and seconds; then text, and then what is unknown.

    By a result, rows that have failures or fewer seeds than others come after all that are complete, because the seeds
    that happened to survive are no fair sample.
    """
    falling = goal_of(rows, key) == "max"
    is_result = any(key not in run.config for row in rows for run in row.runs)
    behind = set(map(id, incomplete(rows))) if is_result else set()

    def place(row: Row) -> tuple[bool, int, float, str]:
        value = row.value(key)
        if value is None:
            return id(row) in behind, 2, 0.0, ""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return id(row) in behind, 0, -float(value) if falling else float(value), ""
        return id(row) in behind, 1, 0.0, str(value)

    return sorted(rows, key=place)


def check_key(option: str, key: str, runs: Sequence[Run]) -> None:
    """Refuse a key that no run has.

    Raises:
        UserError: naming the nearest one.
    """
    import difflib

    known = {name for run in runs for name in (*run.config, *run.results)}
    if key not in known:
        near = difflib.get_close_matches(key, known, n=1)
        raise UserError(f"{option} {key}: no run has such a key{f'; did you mean {near[0]}?' if near else ''}")
