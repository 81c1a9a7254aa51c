"""Whether a question was asked before the runs were made: what `sweep.json` says, and what the runs say of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from exp.compare.against import Question
from exp.compare.rows import Row
from exp.compare.runs import Run
from exp.compare.table import first_metric, goal_of
from exp.config.question import RegisteredQuestion, parse_question
from exp.errors import UserError
from exp.system.markers import SWEEP
from exp.system.safe_files import MissingError, read_object
from exp.terminal.words import counted

UNASKED = "post hoc: nothing shows that the question was asked before the runs were made"
_ENDED = ("completed", "diverged")
"""Of jobs: what came out is there to be looked at, and to be left out."""


@dataclass(frozen=True)
class Registration:
    """A question that was written down before the first of the runs that answer it."""

    question: RegisteredQuestion
    time: str
    """When the sweep was begun (UTC); the earliest, if there are several with this question."""
    missing: int
    """Jobs that ended, and are not among the runs."""
    waiting: int
    """Jobs that have not ended, and are not among the runs."""


@dataclass(frozen=True)
class Standing:
    """How a question that is asked of runs stands to the one that they were made for."""

    status: str
    """`registered`; `early` if not all of it is there yet; else `post hoc`."""
    sentence: str
    question: RegisteredQuestion | None = None
    time: str | None = None

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        known = self.question
        facts = {"sha256": known.sha256, "time": self.time, **known.plain()} if known else None
        return {"status": self.status, "sentence": self.sentence, "question": facts}


def registration_of(runs: Sequence[Run]) -> Registration | None:
    """The question that all of some runs were made to answer; None if there is none.

    The manifest of each run has the digest of its sweep's question, so that another question in `sweep.json` would be
    found out.

    Raises:
        UserError: the runs were made for several questions, or `sweep.json` does not say which one.
    """
    by_folder: dict[Path, list[Run]] = {}
    for run in runs:
        by_folder.setdefault(run.folder.parent, []).append(run)
    digests = {run.question_sha256 for run in runs}
    if None in digests:
        return None
    if len(digests) > 1:
        raise UserError(f"the runs were made for {len(digests)} questions; compare the runs of one of them")
    found = [_of_sweep(folder, of_folder) for folder, of_folder in sorted(by_folder.items())]
    first = min(found, key=lambda one: one.time)
    if not all(_is_after(run.began, first.time) for run in runs):
        return None
    missing, waiting = sum(one.missing for one in found), sum(one.waiting for one in found)
    return Registration(first.question, first.time, missing, waiting)


def _of_sweep(folder: Path, runs: Sequence[Run]) -> Registration:
    """What the ledger of a sweep says of its question and its jobs.

    Raises:
        UserError: it is not what the runs of the sweep were begun with.
    """
    other = f"{SWEEP} has another question than the runs were made for, or none"
    try:
        ledger = read_object(folder / SWEEP)
    except MissingError:
        raise UserError(f"{SWEEP} is gone, which has the question that the runs were made for") from None
    question, jobs = parse_question(ledger.get("question")), ledger.get("jobs")
    if question is None or {question.sha256, str(ledger.get("question_sha256"))} != {
        run.question_sha256 for run in runs
    }:
        raise UserError(other)
    if not isinstance(jobs, list) or not all(isinstance(job, dict) for job in jobs):
        raise UserError(other)
    statuses = {str(job.get("name")): job.get("status") for job in jobs}
    there = {run.folder.name for run in runs}
    if not there <= statuses.keys():
        raise UserError(f"{SWEEP} does not know all of the runs")
    ended = [name for name, status in statuses.items() if status in _ENDED and name not in there]
    waiting = [name for name, status in statuses.items() if status not in _ENDED and name not in there]
    return Registration(question, str(ledger.get("started")), len(ended), len(waiting))


def _is_after(one: str, other: str) -> bool:
    """Whether a time in ISO format, in whole seconds, is not before another; False if one of them is no time."""
    try:
        return datetime.fromisoformat(one) >= datetime.fromisoformat(other).replace(microsecond=0)
    except (ValueError, TypeError):  # no time, or only one of them has a time zone
        return False


def standing_of(runs: Sequence[Run], rows: Sequence[Row], question: Question, *, where: Sequence[str]) -> Standing:
    """How a question stands to the one that its runs were made for.

    Args:
        runs: that answer it.
        rows: of these runs.
        question: that is asked.
        where: the conditions by which runs were chosen.
    """
    try:
        known = registration_of(runs)
    except UserError as error:
        return Standing("post hoc", f"post hoc: {error}")
    if known is None:
        return Standing("post hoc", UNASKED)
    others = _deviations(known.question, question, rows, where=where)
    status, why = (
        ("post hoc", f"another question was registered; {'; '.join(others)}") if others else _so_far(known, rows)
    )
    return Standing(status, f"{status}: {why}", known.question, known.time)


def _so_far(known: Registration, rows: Sequence[Row]) -> tuple[str, str]:
    """Whether all that was registered is there, and nothing else."""
    wanted = known.question.seeds
    counts = [sum(bool(sample.ended) for sample in row.samples) for row in rows]
    if known.missing:
        return "post hoc", f"{counted(known.missing, 'job')} of the sweep had ended, and were left out"
    if max(counts) > wanted:
        return "post hoc", f"{counted(wanted, 'seed')} were registered, and there are {max(counts)}"
    digest = known.question.sha256[:10]
    given = f"the question was written down {known.time[:19]}, before the first run (sha256 {digest})"
    if known.waiting or min(counts) < wanted:
        still = f", and {counted(known.waiting, 'job')} of the sweep have not ended" if known.waiting else ""
        return "early", f"{given}, and is answered by {min(counts)} of {counted(wanted, 'seed')} so far{still}"
    return "registered", given


def _deviations(known: RegisteredQuestion, asked: Question, rows: Sequence[Row], *, where: Sequence[str]) -> list[str]:
    """In what a question differs from the registered one, in words."""
    pairs: list[tuple[str, Any, Any]] = [
        ("against", f"{known.factor}={known.baseline}", asked.against),
        ("metric", known.metric or first_metric(rows), asked.metric),
        ("margin", known.margin, asked.margin),
        ("goal", known.goal or goal_of(rows, asked.metric), asked.goal),
    ]
    found = [
        f"{name} is {here}, and was {'none' if there is None else there}"
        for name, there, here in pairs
        if here != there
    ]
    found += [f"it is asked at {asked.at}"] if asked.at else []
    found += [f"only runs with {' and '.join(where)} are looked at"] if where else []
    found += [f"{', '.join(asked.accepted)} was accepted afterwards"] if asked.accepted else []
    return found


ITS_OWN = ("against", "metric", "margin", "where", "accept", "at")
"""Options that ask something else than what was registered; a goal may be needed, because nobody knew it before."""


def take_registered(runs: Sequence[Run], options: Any) -> None:
    """Ask what was registered.

    Args:
        runs: that answer it.
        options: the parsed arguments; those of the question are filled in.

    Raises:
        UserError: there is no registered question, or an option asks something else.
    """
    for option in ITS_OWN:
        if getattr(options, option):
            raise UserError(f"--{option}: does not go with --registered, which asks just what was written down")
    try:
        known = registration_of(runs)
    except UserError as error:
        raise UserError(f"--registered: {error}") from error
    if known is None:
        raise UserError(
            "--registered: these runs were not made for one question that was written before the first of them; ask by "
            "--against KEY=VALUE"
        )
    question = known.question
    options.against = [f"{question.factor}={question.baseline}"]
    options.metric, options.margin = question.metric, question.margin
    options.goal = options.goal or question.goal
