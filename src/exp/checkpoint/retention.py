"""The rule by which checkpoints stay or go."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Keep:
    """Which checkpoints stay."""

    max_to_keep: int
    """The newest so many."""
    every: int | None = None
    """And those whose step is a multiple of this."""
    best: str | None = None
    """And the best by this metric: the highest `.../accuracy`, the lowest of anything else."""

    def kept(self, metrics: Mapping[int, Mapping[str, float]]) -> set[int]:
        """Of the steps with these metrics, those that stay."""
        steps = sorted(metrics)
        stay = {*steps[-self.max_to_keep :], *(step for step in steps if self.every and step % self.every == 0)}
        best = self.best_of(metrics)
        return stay if best is None else {*stay, best}

    def best_of(self, metrics: Mapping[int, Mapping[str, float]]) -> int | None:
        """The step with the best metric, the first one where there are equals; None where none has it."""
        name = self.best
        if name is None:
            return None
        known = {step: figures[name] for step, figures in sorted(metrics.items()) if name in figures}
        if not known:
            return None
        return (max if name.endswith("accuracy") else min)(known, key=lambda step: known[step])
