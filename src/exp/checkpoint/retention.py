"""The rules by which checkpoints stay or are removed.

A `RetentionPolicy` is asked which of the saved checkpoints stay. Rules combine: `AnyOf(NewestN(3), EveryNSteps(1000))`
keeps what one of them keeps. A new rule is one class.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

Saved = Mapping[int, Mapping[str, float]]
"""The metrics of each saved checkpoint, by its step."""


class RetentionPolicy(Protocol):
    """Decides which checkpoints of a run stay."""

    def kept(self, saved: Saved) -> set[int]:
        """The steps whose checkpoints stay."""

    def removed_after(self) -> int | None:
        """Number of newer checkpoints after which every checkpoint is removed; None if one may stay longer.

        The policy promises it whatever the metrics are: a checkpoint need not be written if it is to be removed anyway.
        """


@dataclass(frozen=True)
class NewestN:
    """Keeps the newest checkpoints."""

    number: int

    def kept(self, saved: Saved) -> set[int]:
        """The largest steps, at most `number`."""
        return set(sorted(saved)[-self.number :])

    def removed_after(self) -> int | None:
        """Newer checkpoints take the place of older ones."""
        return self.number


@dataclass(frozen=True)
class EveryNSteps:
    """Keeps the checkpoints whose step is a multiple of a number, for good."""

    steps: int

    def kept(self, saved: Saved) -> set[int]:
        """The multiples."""
        return {step for step in saved if step % self.steps == 0}

    def removed_after(self) -> int | None:
        """None: the multiples stay."""
        return None


@dataclass(frozen=True)
class Best:
    """Keeps the checkpoint with the best value of a metric, the first one if several have it."""

    metric: str
    goal: Literal["min", "max"]

    def kept(self, saved: Saved) -> set[int]:
        """The best checkpoint's step; an empty set if none has the metric."""
        step = self.step(saved)
        return set() if step is None else {step}

    def step(self, saved: Saved) -> int | None:
        """The step of the best checkpoint; None if none has the metric."""
        values = {step: metrics[self.metric] for step, metrics in sorted(saved.items()) if self.metric in metrics}
        if not values:
            return None
        return (max if self.goal == "max" else min)(values, key=lambda step: values[step])

    def removed_after(self) -> int | None:
        """None: the best one stays until there is a better one."""
        return None


class AnyOf:
    """Keeps what at least one of several policies keeps."""

    def __init__(self, *policies: RetentionPolicy) -> None:
        self._policies = policies

    def kept(self, saved: Saved) -> set[int]:
        """The steps that any of the policies keeps."""
        return set().union(*(policy.kept(saved) for policy in self._policies))

    def removed_after(self) -> int | None:
        """The longest stay that one of the policies grants."""
        stays = [policy.removed_after() for policy in self._policies]
        bounded = [stay for stay in stays if stay is not None]
        return max(bounded, default=0) if len(bounded) == len(stays) else None
