"""Prints where the variance comes from: for people a table of each configuration, and JSON for programs."""

import json
from collections.abc import Sequence
from typing import Any

from exp.compare.confounders import confounders
from exp.compare.json_values import plain
from exp.compare.next_seeds import sweep_command
from exp.compare.variance import RERUNS, WHOLE, Breakdown, Source
from exp.terminal.tables import line_width, one_line, plain_table, whole
from exp.terminal.words import metric_text

_WHAT = {
    WHOLE: "all seeds at once",
    "seeds.init": "the initial weights",
    "seeds.order": "the order of the examples",
    "seeds.augment": "what is random in a step",
    "data.split_seed": "the validation examples",
    RERUNS: "none: the same seeds again",
}
_NEW = "range(10)"
"""The seeds of a sweep that is proposed."""


def variance_json(found: Sequence[Breakdown], metric: str, *, at: str | None) -> str:
    """The breakdowns as JSON."""
    rows = [
        {
            "run": str(one.row.runs[0].folder),
            "name": one.row.name,
            "sources": [_facts(source, one) for source in (one.whole, *one.parts)],
            "notes": _notes(one, metric, at),
        }
        for one in found
    ]
    return json.dumps(plain({"metric": metric, "at": at, "rows": rows}), indent=2, allow_nan=False)


def _facts(source: Source, one: Breakdown) -> dict[str, Any]:
    return {
        "source": source.name,
        "n": source.samples,
        "freedom": source.freedom,
        "std": source.std,
        "share": source.share,
        "low": source.low,
        "high": source.high,
        "next_command": _command(source, one),
    }


def print_variance(found: Sequence[Breakdown], metric: str, *, at: str | None) -> None:
    """A table of each configuration, and the sweeps that would complete it."""
    when = f" at {at}" if at else ""
    print(f"{one_line(metric)}{when}: how much it varies with each seed alone, while the others are held\n")
    for one in found:
        sources = (one.whole, *one.parts)
        print(f"{one_line(one.row.name)}")
        headings = ["", "varies", "n", "std", "share", "95 % interval"]
        print("\n".join(whole(plain_table(headings, [_cells(source, metric) for source in sources]), line_width())))
        for source in sources:
            command = _command(source, one)
            if command:
                print(one_line(f"  {source.name} has not varied alone: {command}"))
        for note in _notes(one, metric, at):
            print(one_line(f"  {note}"))
        print()
    print(
        "a share is the variance by that of all seeds at once; shares need not add up to 100 %, because what one seed "
        "does can depend on another"
    )


def _notes(one: Breakdown, metric: str, at: str | None) -> list[str]:
    """What else differs among the samples. That they have seeds in common is what is asked for here."""
    return [found.sentence for found in confounders([one.row], metric, at=at) if found.name != "seeds"]


def _cells(source: Source, metric: str) -> list[str]:
    std = "" if source.std is None else metric_text(metric, source.std)
    share = "" if source.share is None else f"{source.share:.0%}"
    interval = "" if source.low is None or source.high is None else f"{source.low:.0%} to {source.high:.0%}"
    return [source.name, _WHAT[source.name], str(source.samples), std, share, interval]


def _command(source: Source, one: Breakdown) -> str | None:
    """The sweep that varies a source which has not varied alone yet."""
    if source.freedom or source.name == RERUNS:
        return None
    joint = [sample for sample in one.row.samples if sample.seeds.is_joint]
    seed = joint[0].seeds.init if joint else str(one.row.runs[0].config.get(WHOLE))
    split = (joint or one.row.samples)[0].seeds.split
    if not seed.isdecimal() or not (split is None or split.isdecimal()):
        return None
    held = {WHOLE: seed} if split in (None, "0") else {WHOLE: seed, "data.split_seed": split}
    return sweep_command(one.row, {**held, source.name: _NEW})
