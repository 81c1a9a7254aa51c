"""Makes the rows of the comparison from runs: the keys in which they differ, and their results."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from exp.compare.runs import Run
from exp.config import yaml_text
from exp.errors import UserError
from exp.run_folder.results import tagged_metrics
from exp.terminal.words import metric_text

_LABELS = ("model", "data", "task", "exec", "device", "optimizer")


@dataclass(frozen=True)
class Row:
    """One run, or several that differ in their seed alone."""

    runs: list[Run]

    @property
    def name(self) -> str:
        """The run's folder; of several, the first one's, how many seeds, and how many runs if seeds were run again."""
        if len(self.runs) == 1:
            return self.runs[0].folder.name
        seeds = len({str(run.config.get("seed")) for run in self.runs})
        again = f", {len(self.runs)} runs" if seeds < len(self.runs) else ""
        return f"{self.runs[0].folder.name} ({seeds} seed{'' if seeds == 1 else 's'}{again})"

    def numbers(self, key: str) -> list[float]:
        """The values of a result in all runs that have it as a number."""
        values = [run.value(key) for run in self.runs]
        return [float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]

    def value(self, key: str) -> Any:
        """The value that all runs of the row have in common, else the mean of a result; None if there is neither."""
        values = {str(run.value(key)): run.value(key) for run in self.runs}
        if len(values) == 1:
            return next(iter(values.values()))
        if key not in self.runs[0].config and self.numbers(key):
            return statistics.fmean(self.numbers(key))
        return ", ".join(values)

    def text(self, key: str) -> str:
        """The value as a cell of a table: of several runs the mean with its standard deviation."""
        numbers, value = self.numbers(key), self.value(key)
        if len(set(numbers)) > 1 and key not in self.runs[0].config:
            return f"{metric_text(key, statistics.fmean(numbers))} ± {metric_text(key, statistics.stdev(numbers))}"
        if value is None:
            return ""
        is_result = isinstance(value, float) and key not in self.runs[0].config
        return metric_text(key, value) if is_result else yaml_text(value)


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


def group_by_seed(runs: Sequence[Run]) -> list[Row]:
    """Runs with the same configuration but for the seed become one row; others one each."""
    rows: dict[str, list[Run]] = {}
    for run in runs:
        same = str(sorted((key, str(value)) for key, value in run.config.items() if key != "seed"))
        rows.setdefault(same, []).append(run)
    return [Row(together) for together in rows.values()]


def differing(rows: Sequence[Row]) -> list[str]:
    """The configuration keys in which rows differ, choices first."""
    keys = sorted({key for row in rows for run in row.runs for key in run.config} - {"seed"})
    different = [key for key in keys if len({yaml_text(row.value(key)) for row in rows}) > 1]
    return sorted(different, key=lambda key: (key not in _LABELS, key))


def metrics_of(rows: Sequence[Row]) -> list[str]:
    """The metrics that any of the runs has, such as `test/accuracy`."""
    return tagged_metrics(key for row in rows for run in row.runs for key in run.results)


def selected_on_test(rows: Sequence[Row]) -> list[str]:
    """The names of the rows whose tested weights were chosen by the test set."""
    return [row.name for row in rows if any(run.results.get("selected_on") == "test" for run in row.runs)]


def sort(rows: Sequence[Row], key: str) -> list[Row]:
    """The best first: high accuracies and speeds, low losses and seconds; then text, and at last what is unknown."""
    goals = {goal for row in rows for run in row.runs if (goal := run.goal(key))}
    falling = "max" in goals if len(goals) == 1 else key.endswith(("accuracy", "per_second"))

    def place(row: Row) -> tuple[int, float, str]:
        value = row.value(key)
        if value is None:
            return 2, 0.0, ""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return 0, -float(value) if falling else float(value), ""
        return 1, 0.0, str(value)

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
