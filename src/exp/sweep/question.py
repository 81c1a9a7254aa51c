"""The question of a sweep, checked against its jobs before any of them starts."""

import difflib
from collections.abc import Sequence

from exp.cli.choices_made import choices_made
from exp.cli.make_request import plain, question_in
from exp.compare.seeds import SEEDS
from exp.config import yaml_text
from exp.config.flat import flat_config
from exp.config.question import RegisteredQuestion
from exp.errors import UserError
from exp.sweep.ledger import Ledger
from exp.sweep.plan import Job
from exp.terminal.words import counted


def question_of(jobs: Sequence[Job]) -> RegisteredQuestion | None:
    """The question that a sweep's jobs are to answer; None if it asks none.

    Raises:
        UserError: they have several.
    """
    asked = {question_in(job.composed) for job in jobs}
    if len(asked) > 1:
        raise UserError("question: a sweep has one question, the same for all of its jobs")
    return asked.pop()


def check_answerable(question: RegisteredQuestion, jobs: Sequence[Job]) -> None:
    """Refuse a question that the jobs which a sweep begins with cannot answer.

    Raises:
        UserError: there is no such factor, or the baseline's value of it, and another one, are not among them.
    """
    if question.factor in SEEDS:
        raise UserError(
            f"question.factor={question.factor}: seeds are the samples of a comparison; must be another key"
        )
    configs = [
        flat_config(plain(job.composed), threads=None, choices=choices_made(job.composed, job.composed.hydra))
        for job in jobs
    ]  # as runs are compared by them
    if question.factor not in configs[0]:
        near = difflib.get_close_matches(question.factor, configs[0], n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise UserError(f"question.factor={question.factor}: is no key that runs are compared by{meant}")
    if not all(question.factor in config for config in configs):
        raise UserError(f"question.factor={question.factor}: is no key of every job")
    values = dict.fromkeys(yaml_text(config[question.factor]) for config in configs)
    if question.baseline not in values or len(values) < 2:
        there = f"several values that the jobs have for {question.factor}, which are {', '.join(values)}"
        raise UserError(f"question.baseline={question.baseline}: must be one of {there}")


def check_asked(ledger: Ledger, question: RegisteredQuestion | None) -> None:
    """Refuse another question than the one that a sweep was begun with: it would be asked after the first run.

    Raises:
        UserError: it is another one.
    """
    if ledger.question != question:
        begun = "no question" if ledger.question is None else ledger.question.text
        raise UserError(
            f"hydra.sweep.dir={ledger.folder}: was begun with {begun}, and a question that is asked after the "
            "first run is no registered one; take another folder"
        )


def announcement(question: RegisteredQuestion, ledger: Ledger) -> str:
    """A sentence on the question, for the person who may want to publish its digest."""
    metric = question.metric or "the first metric of the test"
    return (
        f"question: {metric}, compared with {question.factor}={question.baseline}, "
        f"{counted(question.seeds, 'seed')} each; registered {ledger.started} (sha256 {question.sha256})"
    )
