"""Whether a question was asked before the runs were made: what `sweep.json` says, and what the runs say of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from exp.compare.against import Question
from exp.compare.rows import Row
from exp.compare.runs import Run
from exp.config.question import RegisteredQuestion, parse_question
from exp.errors import UserError
from exp.system.safe_files import MissingError, read_object
from exp.terminal.words import counted

SWEEP = "sweep.json"


@dataclass(frozen=True)
class Registration:
    """A question that was written down before the first of the runs that answer it."""

    question: RegisteredQuestion
    sha256: str
    time: str
    """When the sweep was begun (UTC); the earliest, if there are several with this question."""


@dataclass(frozen=True)
class Standing:
    """How a question that is asked of runs stands to the one that they were made for."""

    status: str
    """`registered`; `early` if not all seeds are there yet; else `post hoc`."""
    sentence: str
    registration: Registration | None = None

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        known = self.registration
        facts = {"sha256": known.sha256, "time": known.time, **known.question.plain()} if known else None
        return {"status": self.status, "sentence": self.sentence, "question": facts}


def registration_of(runs: Sequence[Run]) -> Registration | None:
    """The question that all of some runs were made to answer; None if there is none, or not all have the same.

    The manifest of each run has the digest of its sweep's question, so that another question in `sweep.json` would be
    found out.

    Raises:
        UserError: what `sweep.json` says is not what the runs were begun with, or cannot be read.
    """
    digests = {str(run.manifest.get("sweep.question_sha256")) for run in runs}
    folders = sorted({run.folder.parent for run in runs})
    found: list[Registration] = []
    for folder in folders:
        try:
            ledger = read_object(folder / SWEEP)
        except MissingError:
            return None
        question = parse_question(ledger.get("question"))
        if question is None:
            return None
        if question.sha256 != ledger.get("question_sha256") or not digests <= {question.sha256, "None"}:
            raise UserError(f"{folder / SWEEP}: its question is not the one that the runs were made for")
        found.append(Registration(question, question.sha256, str(ledger.get("started"))))
    if digests != {found[0].sha256}:
        return None
    first = min(found, key=lambda one: one.time)
    return first if all(_is_after(run.began, first.time) for run in runs) else None


def _is_after(one: str, other: str) -> bool:
    """Whether a time in ISO format, in whole seconds, is not before another; False if one of them is no time."""
    try:
        return datetime.fromisoformat(one) >= datetime.fromisoformat(other).replace(microsecond=0)
    except (ValueError, TypeError):  # no time, or only one of them has a time zone
        return False


def standing_of(
    runs: Sequence[Run], rows: Sequence[Row], question: Question, *, metric: str, where: Sequence[str]
) -> Standing:
    """How a question stands to the one that its runs were made for.

    Args:
        runs: that answer it.
        rows: of these runs.
        question: that is asked.
        metric: that a question which names none is about.
        where: the conditions by which runs were chosen.
    """
    try:
        known = registration_of(runs)
    except UserError as error:
        return Standing("post hoc", f"post hoc: {error}")
    if known is None:
        return Standing("post hoc", "post hoc: nothing shows that the question was asked before the runs were made")
    given = f"the question was written down {known.time[:19]}, before the first run (sha256 {known.sha256[:10]})"
    others = _deviations(known.question, question, metric=metric, where=where)
    if others:
        return Standing("post hoc", f"post hoc: another question was registered; {'; '.join(others)}", known)
    counts = [len(row.samples) for row in rows]
    wanted = known.question.seeds
    if max(counts) > wanted:
        return Standing(
            "post hoc", f"post hoc: {counted(wanted, 'seed')} were registered, and there are {max(counts)}", known
        )
    if min(counts) < wanted:
        there = f"{min(counts)} of {counted(wanted, 'seed')}"
        return Standing("early", f"early: {given}, and is answered by {there} so far", known)
    return Standing("registered", f"registered: {given}", known)


def _deviations(known: RegisteredQuestion, asked: Question, *, metric: str, where: Sequence[str]) -> list[str]:
    """In what a question differs from the registered one, in words."""
    pairs: list[tuple[str, Any, Any]] = [
        ("against", f"{known.factor}={known.baseline}", asked.against),
        ("metric", known.metric or metric, asked.metric),
        ("margin", known.margin, asked.margin),
    ]
    if known.goal is not None:
        pairs.append(("goal", known.goal, asked.goal))
    found = [f"{name} is {here}, and was {there}" for name, there, here in pairs if here != there]
    found += [f"it is asked at {asked.at}"] if asked.at else []
    found += [f"only runs with {' and '.join(where)} are looked at"] if where else []
    found += [f"{', '.join(asked.accepted)} was accepted afterwards"] if asked.accepted else []
    return found


def take_registered(runs: Sequence[Run], options: Any) -> None:
    """Ask what was registered, by the options of a command line that has no question of its own.

    Args:
        runs: that answer it.
        options: the parsed arguments; those of the question are filled in.

    Raises:
        UserError: there is no registered question.
    """
    known = registration_of(runs)
    if known is None:
        raise UserError(
            "--registered: these runs were not made for one question that was written before the first of them; ask by "
            "--against KEY=VALUE"
        )
    question = known.question
    options.against = [f"{question.factor}={question.baseline}"]
    given: Mapping[str, Any] = {"metric": question.metric, "goal": question.goal, "margin": question.margin}
    for name, value in given.items():
        if getattr(options, name) is None:
            setattr(options, name, value)
