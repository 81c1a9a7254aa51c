"""The question of a sweep, checked against its jobs before any of them starts."""

import difflib
from collections.abc import Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from exp.compare.seeds import SEEDS
from exp.config import yaml_text
from exp.config.flat import flat_config
from exp.config.question import RegisteredQuestion, parse_question
from exp.config.targets import short_name
from exp.errors import UserError
from exp.sweep.ledger import Ledger
from exp.sweep.plan import Job
from exp.terminal.words import counted

_ABSENT = object()


def question_of(jobs: Sequence[Job]) -> RegisteredQuestion | None:
    """The question that a sweep's jobs are to answer; None if it asks none.

    Raises:
        UserError: they have several.
    """
    asked = {parse_question(_plain(job.composed.get("question"))) for job in jobs}
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
    keys = flat_config(_plain(OmegaConf.masked_copy(jobs[0].composed, _own_keys(jobs[0].composed))), threads=None)
    if question.factor not in keys:
        near = difflib.get_close_matches(question.factor, keys, n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise UserError(f"question.factor={question.factor}: is no key that runs are compared by{meant}")
    values = dict.fromkeys(_value(job.composed, question.factor) for job in jobs)
    there = ", ".join(value for value in values if value is not None)
    if None in values:
        raise UserError(f"question.factor={question.factor}: is no key of every job")
    if question.baseline not in values or len(values) < 2:
        what = f"question.baseline={question.baseline}"
        raise UserError(
            f"{what}: must be one of several values that the jobs have for {question.factor}, which are {there}"
        )


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


def _value(composed: DictConfig, key: str) -> str | None:
    """The value of a configuration key as YAML; of a group the name of its choice; None if there is no such key."""
    node: Any = OmegaConf.select(composed, key, default=_ABSENT)
    if node is _ABSENT:
        return None
    if isinstance(node, DictConfig):
        target, name = node.get("_target_"), node.get("name")
        return short_name(str(target)) if target is not None else None if name is None else str(name)
    return yaml_text(_plain(node))


def _own_keys(composed: DictConfig) -> list[str]:
    return [str(key) for key in composed if key != "hydra"]


def _plain(node: Any) -> Any:
    return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node
