"""Where the time of training went: shares that add up to one, and a sentence of advice if one of them is large."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from exp.config import Config

LARGE = 0.1
"""The smallest share that is worth advice."""
SMALL = 0.05
"""The share that the advice aims at."""
WHAT = {
    "data_wait": "waiting for data",
    "computing": "computing",
    "summaries": "writing summaries",
    "checkpoints": "saving checkpoints",
    "validation": "validating",
    "tests": "testing at checkpoints",
    "first_call": "first call",
}


@dataclass
class Seconds:
    """Where the time of training went, in seconds."""

    first_step: float | None = None
    """From the beginning to the end of the first call, which builds graphs."""
    train: float = 0.0
    """The whole training."""
    data_wait: float | None = None
    """Waiting for batches; None if that cannot be seen."""
    checkpoint: float = 0.0
    """Waiting for checkpoints to be saved."""
    summary: float = 0.0
    """Waiting for logs to be written."""
    evaluations: dict[str, float] = field(default_factory=dict)
    """Evaluating the model while it trains, by split."""
    first_wait: float = field(default=0.0)
    """The part of `data_wait` before the first call."""


def shares(seconds: Seconds) -> dict[str, float | None]:
    """The shares of the training time, by the names of `WHAT`, which add up to 1; empty if there was no training.

    What is not seen counts as computing: `data_wait` is None where Keras fetches the batches inside its graph.
    """
    if not seconds.train:
        return {}
    parts: dict[str, float | None] = {
        "first_call": max((seconds.first_step or 0) - seconds.first_wait, 0),
        "data_wait": seconds.data_wait,
        "summaries": seconds.summary,
        "checkpoints": seconds.checkpoint,
        "validation": seconds.evaluations.get("validation", 0.0),
        "tests": seconds.evaluations.get("test", 0.0),
    }
    parts["computing"] = max(seconds.train - sum(value or 0 for value in parts.values()), 0)
    return {name: None if value is None else value / seconds.train for name, value in parts.items()}


def advice(parts: Mapping[str, float | None], config: Config, *, bfloat16_pays: bool = False) -> str | None:
    """One plain sentence about the largest share that is not computing; None if none is large.

    Args:
        parts: as `shares` gives them.
        config: of the run.
        bfloat16_pays: whether computing would take less in bfloat16, which is told if nothing else is large.
    """
    largest = _about_largest(parts, config)
    computing = parts.get("computing") or 0.0
    if largest is None and bfloat16_pays and computing > 0.5:
        return (
            f"{computing:.0%} of the training time is computing, and this processor multiplies bfloat16: "
            "try train.precision=mixed_bfloat16"
        )
    return largest


def _about_largest(parts: Mapping[str, float | None], config: Config) -> str | None:
    cost = {name: value for name, value in parts.items() if name not in ("computing", "first_call") and value}
    if not cost:
        return None
    name = max(cost, key=lambda part: cost[part])
    if cost[name] < LARGE:
        return None
    return f"{cost[name]:.0%} of the training time is {WHAT[name]}: {_remedy(name, cost[name], config)}"


def _remedy(name: str, share: float, config: Config) -> str:
    every = config.checkpoint.every
    seldom = every * max(2, round(share / (1 - share) / SMALL))
    remedies = {
        "checkpoints": f"try checkpoint.every={seldom} instead of {every}",
        "tests": f"checkpoint.best={config.checkpoint.best} tests at every checkpoint; try checkpoint.every={seldom}",
        "validation": "try a smaller data.validation, or a larger train.validate_every",
    }
    if name in remedies:
        return remedies[name]
    if name == "summaries":
        keys = {
            "histograms": config.summary.histograms,
            "figures": config.summary.figures,
            "every": config.summary.every,
        }
        key, period = next((key, period) for key, period in keys.items() if period is not None)
        if key == "figures" and period >= 100:
            key, period = "every", config.summary.every
        return f"try summary.{key}={period * 10} instead of {period}"
    cache = config.data.target.arguments.get("cache")
    if cache == "none":
        return "reading and decoding are slow; try data.cache=memory"
    if config.data.transforms:
        return "try fewer data.transforms, or more device.threads"
    return (
        "the data set itself is slow; make its map cheaper or parallel, or raise data.prefetch where it comes in bursts"
    )
