"""What all parts of a configuration have in common."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(gt=0, lt=1)]


class Section(BaseModel):
    """A part of the configuration: immutable, strict about types, closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def name_of(value: Any) -> str | None:
    """The `name` of a node, by which its kind is known."""
    return value.get("name") if isinstance(value, dict) else None
