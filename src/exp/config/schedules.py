"""The schema of `schedule`: the learning rate over the steps of a run."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from exp.config.section import Fraction, Section, name_of

Period = Fraction | Annotated[int, Field(ge=1)]
"""A number of steps, or a fraction of all steps."""


class ScheduleSection(Section):
    """What all schedules of the learning rate share."""

    warmup: Fraction | Annotated[int, Field(ge=0)]


class ConstantSchedule(ScheduleSection):
    """No schedule, save for a warm-up."""

    name: Literal["constant"]


class CosineSchedule(ScheduleSection):
    """Half a cosine wave."""

    name: Literal["cosine"]
    end: Annotated[float, Field(ge=0, le=1)]


class LinearSchedule(ScheduleSection):
    """A line."""

    name: Literal["linear"]
    end: Annotated[float, Field(ge=0, le=1)]


class StepSchedule(ScheduleSection):
    """A stair."""

    name: Literal["step"]
    every: Period
    factor: Fraction


Schedule = Annotated[
    Annotated[ConstantSchedule, Tag("constant")]
    | Annotated[CosineSchedule, Tag("cosine")]
    | Annotated[LinearSchedule, Tag("linear")]
    | Annotated[StepSchedule, Tag("step")],
    Discriminator(name_of),
]
SCHEDULES: dict[str, type[Section]] = {
    "constant": ConstantSchedule,
    "cosine": CosineSchedule,
    "linear": LinearSchedule,
    "step": StepSchedule,
}
"""The schedules, by `schedule.name`."""


def steps_of(period: float, total: int) -> int:
    """A number of steps, which may be given as a fraction of all."""
    return round(period * total) if isinstance(period, float) else period


def goes_by_length(asked: Schedule) -> bool:
    """Whether the rate of a step depends on the length of the run."""
    periods = [asked.warmup, *([asked.every] if isinstance(asked, StepSchedule) else [])]
    return isinstance(asked, CosineSchedule | LinearSchedule) or any(isinstance(one, float) for one in periods)
