"""`question`: what a sweep is to tell, written down before its first run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from exp.config.config_hash import config_hash
from exp.config.section import Section
from exp.config.yaml_values import yaml_text
from exp.errors import UserError, excerpt

EXAMPLE = "question={factor: model, baseline: mlp, seeds: 10}"


class _Question(Section):
    factor: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$")]
    baseline: str | int | float | bool
    seeds: Annotated[int, Field(ge=2)]
    metric: Annotated[str, Field(min_length=1)] | None = None
    goal: Literal["min", "max"] | None = None
    margin: Annotated[float, Field(gt=0)] | None = None


@dataclass(frozen=True)
class RegisteredQuestion:
    """A question that was asked before there was anything to look at."""

    factor: str
    """A configuration key, such as `model` or `optimizer.learning_rate`."""
    baseline: str
    """The value of the factor that all others are compared with, as YAML."""
    seeds: int
    """The number of seeds of each configuration that will answer it."""
    metric: str | None
    """None: the first metric of the test."""
    goal: str | None
    """None: as the metric says."""
    margin: float | None

    def plain(self) -> dict[str, Any]:
        """All keys, for JSON."""
        return dict(vars(self))

    @property
    def text(self) -> str:
        """As a command line has it."""
        given = ", ".join(f"{key}: {value}" for key, value in self.plain().items() if value is not None)
        return f"'question={{{given}}}'"

    @property
    def sha256(self) -> str:
        """The digest by which the question is known."""
        return config_hash(self.plain())


_MUST: Mapping[str, str] = {
    "factor": "a configuration key, such as model or optimizer.learning_rate",
    "baseline": "the factor's value that the others are compared with",
    "seeds": "the number of seeds of each configuration, at least 2",
    "metric": "a figure of the results, such as test/accuracy, or null for the first metric of the test",
    "goal": "min, max, or null if the metric's name says it",
    "margin": "a difference above 0 that does not matter, or null",
}


def parse_question(node: Any) -> RegisteredQuestion | None:
    """A question from a configuration or a ledger; None if there is none.

    Raises:
        UserError: it is no question, with the key, the value, and what would be right.
    """
    if node is None:
        return None
    if not isinstance(node, Mapping):
        raise UserError(
            f"question={excerpt(yaml_text(node))}: must be null or have the keys of a question: '{EXAMPLE}'"
        )
    try:
        made = _Question.model_validate(dict(node))
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        key = str(wrong["loc"][0])
        if key not in _MUST:
            raise UserError(f"question.{key}: is no such key; a question has {', '.join(_MUST)}") from None
        if wrong["type"] == "missing":
            raise UserError(f"question.{key}: is missing; must be {_MUST[key]}") from None
        raise UserError(f"question.{key}={excerpt(yaml_text(node[key]))}: must be {_MUST[key]}") from None
    return RegisteredQuestion(**{**made.model_dump(), "baseline": yaml_text(made.baseline)})
