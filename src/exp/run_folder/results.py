"""`results.json` as a frozen object: what came out of a run."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

TIMED = ("import", "build", "first_step", "train", "data_wait", "checkpoint", "summary", "validation", "test", "total")
"""The names in `seconds`, in the order in which `results.json` has them."""


def not_tested(metrics: Sequence[str]) -> dict[str, float | None]:
    """What a run has under `test` before anything was tested."""
    return dict.fromkeys(["loss", *metrics, "examples"])


@dataclass(frozen=True, kw_only=True)
class Results:
    """What came out of a run. A run that has done nothing yet has every key of the contract already."""

    mode: str
    status: str | None = None
    """`completed`, `interrupted`, `diverged`, `failed`; None while the run is under way."""
    step: int = 0
    examples: int = 0
    replicas: int | None = None
    train: Mapping[str, float | None] = field(default_factory=lambda: {"loss": None})
    test: Mapping[str, float | None] = field(default_factory=lambda: not_tested([]))
    """The loss, the metrics of the task, and the number of examples; each is None as long as nothing was tested."""
    validation: Mapping[str, float | None] | None = None
    """What the last validation gave: as `test`, and the step; None if there was none."""
    best: Mapping[str, Any] | None = None
    """The best step so far: `metric`, `value`, `step`, and the prefix of its `checkpoint`, if that was kept."""
    stopped: str | None = None
    """What ended training before the step that was asked for: `patience`, `max_seconds`."""
    rewinds: Sequence[Mapping[str, int]] = ()
    """The times that training diverged and went back: `diverged_at` and `back_to`, in steps."""
    tested: str | None = None
    """Which weights were tested: those of the `last` step, or those of the `best`."""
    selected_on: str | None = None
    """The split by which the tested weights, or the whole run, were chosen among others."""
    test_readings: int | None = None
    """How often the test split was read so far, for these weights or others of the run; None if that is not known."""
    weights_sha256: str | None = None
    seconds: Mapping[str, float | None] = field(default_factory=dict)
    """Seconds by the names of `TIMED`; a name that is missing is null in the file."""
    time: Mapping[str, Any] = field(default_factory=lambda: {"advice": None})
    """The shares of the training time, and a sentence of advice."""
    traces: Sequence[Mapping[str, Any]] = ()
    """Facts about each function that TensorFlow traced."""
    compiled: bool | None = None
    """Whether XLA compiled the steps in this process, and did not take kept ones; None without XLA."""
    examples_per_second: float | None = None
    checkpoint: str | None = None
    """The prefix of the newest checkpoint."""
    error: str | None = None
    """One line that tells why the run failed or diverged."""

    def facts(self) -> dict[str, Any]:
        """The content of `results.json`."""
        return {
            "status": self.status,
            "mode": self.mode,
            "step": self.step,
            "examples": self.examples,
            "replicas": self.replicas,
            "train": {name: _finite(value) for name, value in self.train.items()},
            "test": {name: _finite(value) for name, value in self.test.items()},
            "validation": None if self.validation is None else dict(self.validation),
            "best": None if self.best is None else dict(self.best),
            "stopped": self.stopped,
            "rewinds": list(self.rewinds),
            "tested": self.tested,
            "selected_on": self.selected_on,
            "test_readings": self.test_readings,
            "weights_sha256": self.weights_sha256,
            "seconds": {name: self.seconds.get(name) for name in TIMED},
            "time": dict(self.time),
            "traces": len(self.traces),
            "trace_list": list(self.traces),
            "compiled": self.compiled,
            "examples_per_second": self.examples_per_second,
            "checkpoint": self.checkpoint,
            "error": self.error,
        }


def _finite(value: float | None) -> float | None:
    """None for what JSON cannot hold."""
    return value if value is None or math.isfinite(value) else None


def metrics_among(names: Iterable[str]) -> list[str]:
    """The metrics of a task among the names under `test` in `results.json`, in their order."""
    return [name for name in dict.fromkeys(names) if name not in ("loss", "examples", "step")]


def tagged_metrics(tags: Iterable[str]) -> list[str]:
    """The metrics of a task among tags such as `test/accuracy`: those of the validation, which are chosen by, first."""
    there = list(dict.fromkeys(tags))
    return [
        f"{split}/{name}"
        for split in ("validation", "test")
        for name in metrics_among(tag.partition("/")[2] for tag in there if tag.startswith(f"{split}/"))
    ]


class ResultsSoFar:
    """The results of a run under way: a frozen value that each stage replaces by one that knows more."""

    def __init__(self, results: Results) -> None:
        self.value = results

    def add(self, *, seconds: Mapping[str, float | None] | None = None, **known: Any) -> None:
        """Take in what a stage found out: fields of `Results`, and seconds that join those known before."""
        self.value = replace(self.value, seconds={**self.value.seconds, **(seconds or {})}, **known)
