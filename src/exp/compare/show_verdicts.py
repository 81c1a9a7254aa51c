"""Prints verdicts: for people a table and what there is to say about each, and JSON for programs."""

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from exp.compare.against import Comparison, Question
from exp.compare.calibrate import Calibration
from exp.compare.json_values import plain
from exp.compare.next_seeds import next_command
from exp.compare.registered import UNASKED, Standing
from exp.compare.rows import Row
from exp.compare.statistics import ALPHA
from exp.terminal.tables import line_width, most_of, one_line, plain_table, whole
from exp.terminal.words import counted, metric_text


def as_json(
    made: Sequence[Comparison],
    question: Question,
    *,
    looks: int | None,
    standing: Standing,
    more: Mapping[str, Any] | None = None,
) -> str:
    """The comparisons as the JSON of `compare.py --against --json`, with what else was asked for."""
    document = {
        "metric": question.metric,
        "goal": question.goal,
        "baseline": dict(question.baseline),
        "margin": question.margin,
        "at": question.at,
        "looks": looks,
        "registered": standing.plain(),
        "comparisons": [facts_of(one, question.metric) for one in made],
        **(more or {}),
    }
    return json.dumps(plain(document), indent=2, allow_nan=False)


def facts_of(one: Comparison, metric: str) -> dict[str, Any]:
    """A comparison, with the keys of the contract."""
    estimate = one.estimate
    low, high = estimate.interval() if estimate and not one.is_identical else (None, None)
    return {
        "group": dict(one.group),
        "where": dict(one.where),
        "runs": _of_row(one.row, metric),
        "baseline_runs": _of_row(one.baseline, metric),
        "n": one.n,
        "method": one.method,
        "difference": estimate.difference if estimate else None,
        "low": low,
        "high": high,
        "p": None if one.is_identical or estimate is None else estimate.p,
        "p_holm": one.p_holm,
        "p_exact": one.p_exact,
        "p_equivalent": one.p_equivalent,
        "probability_better": one.probability_better,
        "effect": estimate.effect if estimate else None,
        "left_out": one.left_out,
        "confounders": [confounder.sentence for confounder in one.confounders],
        "verdict": one.verdict,
        "seeds_needed": one.seeds_needed,
        "next_command": next_command(one),
    }


def print_calibration(found: Sequence[Calibration], metric: str) -> None:
    """A table of how often two halves of the same runs were called different."""
    headings = ["run", "n", "ways to divide them", "false verdicts", "rate"]
    cells = [[one.row.name, str(one.n), str(one.splits), str(one.false), f"{one.rate:.1%}"] for one in found]
    print(f"{one_line(metric)}: halves of the seeds of one configuration, compared as if they were two\n")
    print("\n".join(whole(plain_table(headings, cells), line_width())))
    rate = sum(one.false for one in found) / sum(one.splits for one in found)
    print(
        f"\n{rate:.1%} of all; {ALPHA:.0%} are to be expected. Far more or fewer say that figures do not spread as t "
        "tests take for granted, for example if a few runs went wrong. The ways share their runs: few seeds tell little"
    )


def _of_row(row: Row, metric: str) -> dict[str, Any]:
    return {
        "n": len(row.by_seed(metric)),
        "failed": row.failed_at(metric),
        "reruns": row.reruns,
        "mean": row.mean(metric),
        "std": row.std(metric),
    }


def print_verdicts(made: Sequence[Comparison], question: Question, *, looks: int | None, standing: Standing) -> None:
    """A table, and the sentences that belong to it."""
    metric = question.metric
    better = "more" if question.goal == "max" else "less"
    margin = "" if question.margin is None else f"; differences up to {question.margin:g} do not matter"
    at = f" at {question.at}" if question.at else ""
    print(f"{one_line(metric)}{at} against {one_line(question.against)}; {better} is better{margin}\n")
    headings = ["", "n", "mean", "baseline", _difference_heading(metric), "95 % interval", "p", "verdict"]
    table = plain_table(headings, [_cells(one, metric) for one in made])
    order = ["", "n", "verdict", headings[4], "95 % interval", "p", "mean", "baseline"]
    lines, left_out = most_of(table, line_width(), order)
    print("\n".join(lines))
    if left_out:
        print(f"\nno room for {', '.join(left_out)}; --json shows all")
    for one in made:
        for place, sentence in enumerate(_sentences(one)):
            print(one_line(f"  {sentence}") if place else f"\n{one_line(f'{one.name}: {sentence}')}")
    family = max(one.family for one in made)
    if family > 1:
        print(f"\np is adjusted for {counted(family, 'comparison')} (Holm)")
    if standing.sentence != UNASKED:
        print(f"\n{one_line(standing.sentence)}")
    if looks is not None and looks > 1 and standing.status != "registered":
        print(
            f"\nthis question was asked with {looks} different numbers of seeds; to look until p is below 0.05 finds "
            "differences where there are none, so decide how many seeds to run before you look"
        )


def _cells(one: Comparison, metric: str) -> list[str]:
    estimate = one.estimate
    ours, theirs = (_mean(row, metric) for row in (one.row, one.baseline))
    counts = one.row.count if one.row.count == one.baseline.count else f"{one.row.count} : {one.baseline.count}"
    if estimate is None:
        return [one.name, counts, ours, theirs, "", "", "", one.verdict]
    low, high = estimate.interval()
    interval = "" if low is None or high is None else f"{_change(metric, low)} to {_change(metric, high)}"
    p = "" if one.p_holm is None else f"{one.p_holm:.2g}"
    return [one.name, counts, ours, theirs, _change(metric, estimate.difference), interval, p, one.verdict]


def _mean(row: Row, metric: str) -> str:
    mean, std = row.mean(metric), row.std(metric)
    if mean is None:
        return ""
    return metric_text(metric, mean) + ("" if std is None else f" ± {metric_text(metric, std)}")


def _difference_heading(metric: str) -> str:
    return "difference (points)" if metric_text(metric, 0.0).endswith("%") else "difference"


def _change(metric: str, value: float) -> str:
    """A difference with its sign; of accuracies in percentage points."""
    return f"{'-' if value < 0 else '+'}{metric_text(metric, abs(value)).removesuffix('%')}"


def _sentences(one: Comparison) -> list[str]:
    """What there is to say about a comparison besides its figures."""
    said = [confounder.sentence for confounder in one.confounders]
    if one.left_out:
        both = counted(one.n, "seed")
        said.append(f"the difference is of the {both} that both have; of one alone are {', '.join(one.left_out)}")
    names = [confounder.name for confounder in one.confounders if confounder.matters]
    if one.verdict == "confounded":
        accept = " ".join(f"--accept {shlex.quote(name)}" for name in dict.fromkeys(names))
        said.append(f"no verdict, since this can be the reason for the difference; if it cannot, add {accept}")
    if one.verdict == "undecided":
        said.append(_undecided(one))
        command = next_command(one)
        if command:
            said.append(f"to train the seeds that are missing: {command}")
    return said


def _undecided(one: Comparison) -> str:
    if one.estimate is None:
        return f"undecided: one of the two has no {one.metric}"
    if one.n < 2:
        return f"undecided: {counted(one.n, 'seed')} cannot tell how much seeds vary"
    if one.estimate.effect is None:
        return "undecided: the differences do not vary, so that their spread says nothing"
    needed = one.seeds_needed
    if needed is None:
        return "undecided: there is next to no difference; --margin asks whether they are equivalent"
    level = "5 %" if one.family == 1 else f"5 % over {one.family} comparisons"
    if one.margin is not None and abs(one.estimate.difference) < one.margin:
        return f"undecided: {needed} seeds of each would show that they are equivalent (80 % power, {level})"
    return f"undecided: {needed} seeds of each would decide a difference of this size (80 % power, {level})"
