"""A search: rows as its trials, and what so many of them would be expected to find."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from exp.compare.against import Question, divided, named
from exp.compare.confounders import differing_facts
from exp.compare.expected_best import ExpectedBest, expected_best
from exp.compare.rows import Row, incomplete, rows_of
from exp.compare.runs import Run
from exp.compare.table import differing, selected_on_test
from exp.config import yaml_text
from exp.errors import UserError
from exp.run_folder.read import read_curve

FEWEST_TRIALS = 2


@dataclass(frozen=True)
class Trial:
    """A configuration that a search tried; its figures are means over its seeds."""

    row: Row
    selected: float | None
    """By what it is chosen; None if it failed."""
    reported: float | None
    """What is reported if it is chosen; None if it has no such figure."""
    is_incomplete: bool
    """Whether it lost seeds, or has fewer than other trials."""

    @property
    def has_figure(self) -> bool:
        """Whether there is something to report if it is chosen, and it can be."""
        return self.selected is not None and self.reported is not None


@dataclass(frozen=True)
class Search:
    """All trials with one value of the factor; without a factor, all trials."""

    group: Mapping[str, Any]
    """The keys of the factor with their values."""
    trials: Sequence[Trial]
    goal: str

    @property
    def name(self) -> str:
        """The value of the factor; empty without one."""
        return named(self.group)

    @property
    def failed(self) -> list[Trial]:
        """The trials that gave nothing: they count as trials all the same."""
        return [trial for trial in self.trials if not trial.has_figure]

    @property
    def keys(self) -> list[str]:
        """The configuration keys in which its trials differ."""
        return differing([trial.row for trial in self.trials])

    def expected(self, counts: Sequence[int]) -> list[ExpectedBest]:
        """What so many trials are expected to find, for each number of trials that there are as many of."""
        selected, reported = ([getattr(trial, part) for trial in self.trials] for part in ("selected", "reported"))
        there = [k for k in counts if k <= len(self.trials)]
        return expected_best(selected, reported, counts=there, higher=self.goal == "max")


@dataclass(frozen=True)
class Searches:
    """The searches that are compared, at equal numbers of trials; without a factor there is one."""

    question: Question
    selected_on: str
    """The metric by which trials are chosen; the question's is the one that is reported."""
    each: Sequence[Search]

    @property
    def is_selected_on_test(self) -> bool:
        """Whether trials are chosen by the very test figure that is reported."""
        return self.selected_on.startswith("test/")

    @cached_property
    def _rows(self) -> list[Row]:
        return [trial.row for search in self.each for trial in search.trials]

    @property
    def chosen_by_test(self) -> list[str]:
        """The names of the trials whose tested weights were chosen by the test set, if a test figure is reported."""
        return selected_on_test(self._rows) if self.question.metric.startswith("test/") else []

    @property
    def differing_facts(self) -> list[str]:
        """The names of what trials do not have in common besides their configurations, such as `commit`."""
        runs = [run for row in self._rows for run in row.counted]
        keys = {*self.question.baseline, *differing(self._rows)}
        return differing_facts(runs, self.question.metric, keys=keys, at=self.question.at)


def searches(runs: Sequence[Run], question: Question) -> Searches:
    """The searches that runs belong to: one for each value of the factor, that of the baseline first.

    A test figure is reported of the trial that the same metric of the validation split chooses; without a validation
    split, it is chosen by the test figure itself, as it is by any other metric.

    Args:
        runs: that trained.
        question: the metric that is reported, and the factor, which may be empty.

    Raises:
        UserError: there are fewer than two trials, none has a figure, or not all can be chosen among by one metric.
    """
    metric, chosen_by = question.metric, _chosen_by(question.metric, runs)
    rows = rows_of([_as_tested(run, chosen_by) for run in runs])
    by_value: dict[tuple[str, ...], list[Row]] = {}
    for row in [row for part in divided(rows, question) for row in part] if question.baseline else rows:
        by_value.setdefault(tuple(yaml_text(row.runs[0].value(key)) for key in question.baseline), []).append(row)
    behind = set(map(id, incomplete(rows)))
    found = []
    for of_value in by_value.values():
        trials = [_trial(row, chosen_by, metric, is_behind=id(row) in behind) for row in of_value]
        found.append(Search({key: of_value[0].value(key) for key in question.baseline}, trials, question.goal))
    if max(len(search.trials) for search in found) < FEWEST_TRIALS:
        each = "no value has more than one" if question.baseline else "there is one"
        raise UserError(f"--trials: {each}, and a search has several: runs that differ in more than their seed")
    if not any(trial.has_figure for search in found for trial in search.trials):
        raise UserError(f"--trials: no run that completed has {' and '.join(dict.fromkeys([chosen_by, metric]))}")
    return Searches(question, chosen_by, found)


def _chosen_by(metric: str, runs: Sequence[Run]) -> str:
    """The metric that trials are chosen by if this one is reported."""
    split, _, name = metric.partition("/")
    of_validation = f"validation/{name}"
    return of_validation if split == "test" and any(of_validation in run.results for run in runs) else metric


def _as_tested(run: Run, metric: str) -> Run:
    """The run with the validation figure of the weights that were tested: `results.json` has the one of the last step.

    Raises:
        UserError: the curve cannot be read.
    """
    results = run.results
    if not metric.startswith("validation/") or results.get("tested") != "best":
        return run
    if results.get("best.metric") == metric:
        return replace(run, results={**results, metric: results.get("best.value")})
    at_best = dict(read_curve(run.folder)).get(results.get("best.step") or 0, {})
    others = {key: value for key, value in results.items() if key != metric}
    return replace(run, results={**others, **({metric: at_best[metric]} if metric in at_best else {})})


def _trial(row: Row, chosen_by: str, metric: str, *, is_behind: bool) -> Trial:
    """A row as a trial.

    Raises:
        UserError: it has a run that completed and knows nothing of what others are chosen by.
    """
    for run in row.counted:
        if chosen_by != metric and chosen_by not in run.results:
            raise UserError(
                f"{run.folder}: has no {chosen_by} of the weights that were tested, by which other trials are chosen; "
                "--where KEY=VALUE leaves out runs like it"
            )
    lost = any(row.failed_at(key) for key in (chosen_by, metric))
    return Trial(row, row.mean(chosen_by), row.mean(metric), is_behind or lost)
