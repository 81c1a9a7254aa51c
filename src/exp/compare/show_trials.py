"""Prints what searches are expected to find: a table with a line for each number of trials, and data for JSON."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from exp.compare.expected_best import ExpectedBest
from exp.compare.show_table import BEHIND
from exp.compare.trials import Search, Searches, Trial
from exp.terminal.tables import Table, line_width, one_line, plain_table, whole
from exp.terminal.words import counted, metric_text

FIRST_COUNTS = (1, 2, 3, 5)
MOST_NAMES = 6
"""Trials that a sentence names."""


def as_data(found: Searches, *, in_full: bool = True) -> dict[str, Any]:
    """The searches for JSON.

    Args:
        found: what is asked for.
        in_full: with every number of trials, and each trial; else with what the table shows.
    """
    shown = _counts(found)
    return {
        "metric": found.question.metric,
        "selected_on": found.selected_on,
        "goal": found.question.goal,
        "groups": [_group(search, None if in_full else shown) for search in found.each],
        "notes": list(_notes(found)),
    }


def _group(search: Search, shown: Sequence[int] | None) -> dict[str, Any]:
    expected = search.expected(range(1, len(search.trials) + 1) if shown is None else shown)
    found = {
        "group": dict(search.group),
        "n": len(search.trials),
        "failed": len(search.failed),
        "keys": search.keys,
        "expected": [{"k": one.k, "mean": one.mean, "std": one.std, "none": one.none} for one in expected],
    }
    return {**found, "trials": [_trial(trial) for trial in search.trials]} if shown is None else found


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "runs": [str(run.folder) for run in trial.row.runs],
        **{"n": trial.row.n, "failed": trial.row.failed},
        **{"selected": trial.selected, "reported": trial.reported, "is_incomplete": trial.is_incomplete},
    }


def print_trials(found: Searches) -> None:
    """A table, and the sentences that belong to it."""
    question = found.question
    chosen = "the best" if found.selected_on == question.metric else f"the one with the best {found.selected_on}"
    at = f" at {question.at}" if question.at else ""
    better = "more" if question.goal == "max" else "less"
    _say(f"{question.metric}{at} of {chosen} among k trials; {better} is better")
    print()
    print("\n".join(whole(_table(found), line_width())))
    print()
    for search in found.each:
        _say(_of_search(search))
    for note in (*_notes(found), *_terms(found)):
        print()
        _say(note)


def _say(text: str) -> None:
    """Print a sentence, broken between its words."""
    print(textwrap.fill(one_line(text), line_width(), break_long_words=False, break_on_hyphens=False))


def _table(found: Searches) -> Table:
    counts = _counts(found)
    headings, columns = ["k"], [list(map(str, counts))]
    for search in found.each:
        expected = {one.k: one for one in search.expected(counts)}
        headings.append(search.name or "mean ± std")
        columns.append([_figure(expected.get(k), found.question.metric) for k in counts])
        if search.failed and any(one.none for one in expected.values()):
            headings.append(f"{search.name}: no figure" if search.name else "no figure")
            columns.append([_chance(expected.get(k)) for k in counts])
    return plain_table(headings, list(zip(*columns, strict=True)))


def _counts(found: Searches) -> list[int]:
    """The numbers of trials that are shown: round ones, all that the smallest search has, and all of the largest."""
    sizes = [len(search.trials) for search in found.each]
    most = max(sizes)
    tens = [digit * 10**power for power in range(1, len(str(most))) for digit in (1, 2, 5)]
    return sorted({k for k in (*FIRST_COUNTS, *tens, min(sizes), most) if k <= most})


def _figure(one: ExpectedBest | None, metric: str) -> str:
    if one is None or one.mean is None or one.std is None:
        return ""
    return f"{metric_text(metric, one.mean)} ± {metric_text(metric, one.std)}"


def _chance(one: ExpectedBest | None) -> str:
    if one is None or one.none == 0.0:
        return ""
    return f"{one.none:.1%}" if one.none >= 0.001 else "< 0.1%"


def _of_search(search: Search) -> str:
    """How many trials there are, over which keys, and which of them gave nothing."""
    name = f"{search.name}: " if search.name else ""
    over = f" over {', '.join(search.keys)}" if search.keys else ""
    failed = f"; counted without a figure: {_listed(search.failed)}" if search.failed else ""
    return f"{name}{counted(len(search.trials), 'trial')}{over}{failed}"


def _notes(found: Searches) -> Iterator[str]:
    """What makes the figures less than they seem."""
    metric = found.question.metric
    if found.is_selected_on_test:
        yield (
            "selected on the test set, so that the figures are too good: these runs have no validation split, and the "
            "trial that is best on the test set is the one that is reported"
        )
    elif found.selected_on == metric:
        yield f"{metric} is what trials are chosen by, so that it is too good a figure of the one that is chosen"
    chosen = found.chosen_by_test
    if chosen:
        yield f"selected on the test set, so that their test figures are too good: {_first(chosen)}"
    partial = [trial for search in found.each for trial in search.trials if trial.is_incomplete and trial.has_figure]
    if partial:
        what = "has seeds that failed, or fewer seeds than others, and counts as the mean of those it has"
        yield f"{BEHIND} {what}: {_listed(partial)}"
    facts = found.differing_facts
    if facts:
        yield f"trials differ in more than their configurations, which can be the reason: {', '.join(facts)}"


def _terms(found: Searches) -> Iterator[str]:
    """What the figures mean."""
    sizes = [len(search.trials) for search in found.each]
    if min(sizes) < max(sizes):
        yield f"equal budgets end at k = {min(sizes)}; a search that has fewer trials than k is left blank"
    yield (
        "± is the standard deviation over all sets of k of these trials: it shrinks as k nears their number, because "
        "the sets have more and more in common, and says nothing about trials that were not made"
    )


def _listed(trials: Sequence[Trial]) -> str:
    return _first([_text(trial) for trial in trials])


def _text(trial: Trial) -> str:
    """A trial with its count as tables have it; marked if its figure is a mean over what is left."""
    mark = f" {BEHIND}" if trial.has_figure else ", without a figure" if trial.row.n else ""
    return f"{trial.row.name}, n = {trial.row.count}{mark}"


def _first(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMES
    return "; ".join([*names[:MOST_NAMES], *([f"and {more} more"] if more > 0 else [])])
