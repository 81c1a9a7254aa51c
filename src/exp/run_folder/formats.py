"""The schema of a run folder's JSON files, as far as programs here rely on it. Other keys are allowed."""

import math
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, NonNegativeInt, PositiveInt
from pydantic_core import PydanticCustomError


class _Stored(BaseModel):
    model_config = ConfigDict(extra="allow", allow_inf_nan=False, strict=True)


def _figure(value: Any) -> Any:
    if isinstance(value, bool | str) or (isinstance(value, float) and not math.isfinite(value)):
        raise PydanticCustomError("figure", "Input should be a valid number")
    return value


class _Figures(_Stored):
    """The figures of a training or a test; further ones are the metrics of the task."""

    __pydantic_extra__: dict[str, Annotated[Any, BeforeValidator(_figure)]]

    loss: float | None = None
    examples: NonNegativeInt | None = None


class _Best(_Stored):
    """The best step of a run."""

    metric: str | None = None
    value: float | None = None
    step: NonNegativeInt | None = None
    checkpoint: str | None = None


class StoredResults(_Stored):
    """`results.json`."""

    status: str | None = None
    mode: str | None = None
    step: NonNegativeInt | None = None
    examples: NonNegativeInt | None = None
    replicas: NonNegativeInt | None = None
    train: _Figures | None = None
    test: _Figures | None = None
    validation: _Figures | None = None
    best: _Best | None = None
    stopped: str | None = None
    tested: str | None = None
    selected_on: str | None = None
    test_readings: NonNegativeInt | None = None
    weights_sha256: str | None = None
    seconds: dict[str, Any] | None = None
    examples_per_second: float | None = None
    checkpoint: str | None = None
    error: str | None = None


class _Git(_Stored):
    commit: str | None = None
    dirty: bool | None = None
    patch: str | None = None


class _Devices(_Stored):
    threads: PositiveInt | None = None
    used: list[str] | None = None


class _Previous(_Stored):
    """The manifest of a resumed run from before it was resumed."""

    results: StoredResults | None = None


class StoredManifest(_Stored):
    """`manifest.json`."""

    mode: str | None = None
    tested_run: str | None = None
    run: str | None = None
    config_hash: str | None = None
    exp: str | None = None
    git: _Git | None = None
    code: dict[str, _Git | None] | None = None
    packages: dict[str, str | None] | None = None
    python: str | None = None
    platform: str | None = None
    devices: _Devices | None = None
    data: dict[str, Any] | None = None
    previous: list[_Previous] = []


class LoggedStep(_Stored):
    """A line of `metrics.jsonl`."""

    step: NonNegativeInt
    loss: float | None = None
