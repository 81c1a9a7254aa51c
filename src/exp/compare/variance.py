"""Where the variance comes from: how much a metric varies with each seed alone, and with all of them at once.

As Bouthillier et al. (MLSys 2021) take a benchmark apart: one source of randomness varies, and the others are held.
"""

import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from exp.compare.rows import Row
from exp.compare.runs import number
from exp.compare.seeds import SOURCES, Seeds
from exp.compare.statistics import ratio_of_variances
from exp.errors import UserError

WHOLE = "seed"
"""The source that stands for all of them at once, but for the split, which no `seed` changes."""
RERUNS = "reruns"
"""The source that is none: the same seeds once more."""


@dataclass(frozen=True)
class Source:
    """Something random, and how much the metric varies with it alone."""

    name: str
    """A configuration key of a seed, or `reruns`."""
    samples: int = 0
    """The samples that differ in it, and in it alone, from some other."""
    freedom: int = 0
    """Degrees of freedom of the variance: samples, less one for each group of them in which all else is the same."""
    variance: float | None = None
    """None if fewer than two samples differ in it alone."""
    share: float | None = None
    """The variance by that of all seeds at once; None if that is not known, or 0."""
    low: float | None = None
    high: float | None = None
    """The 95 % interval of the share."""

    @property
    def std(self) -> float | None:
        """The standard deviation, in the metric's own unit."""
        return None if self.variance is None else self.variance**0.5


@dataclass(frozen=True)
class Breakdown:
    """The sources of the variance of one configuration."""

    row: Row
    whole: Source
    parts: Sequence[Source]


def breakdowns(rows: Sequence[Row], metric: str) -> list[Breakdown]:
    """How much a metric varies with what, configuration by configuration.

    A source's variance is that of the samples which have all other seeds in common, pooled over the values that these
    are held at. So a sweep over one seed will do, and so will one over all combinations of two, in which what one seed
    does in concert with another counts for both: shares need not add up to 1.

    Args:
        rows: those in which nothing varies are left out.
        metric: a result, such as `test/accuracy`.

    Raises:
        UserError: nothing varies in any row.
    """
    found = [one for row in rows if (one := _breakdown(row, metric)) is not None]
    if not found:
        raise UserError(
            f"--variance: no configuration has {metric} with two seeds; for example -m seed='range(10)', and "
            "-m seeds.init='range(10)'"
        )
    return found


def _breakdown(row: Row, metric: str) -> Breakdown | None:
    values = {
        sample.seeds: value
        for sample in row.samples
        if sample.run and (value := number(sample.run.value(metric))) is not None
    }
    joint = {seeds: value for seeds, value in values.items() if seeds.is_joint}
    whole = _pooled(WHOLE, _groups(joint, varying=SOURCES[:3]))
    parts = [_pooled(key, _groups(values, varying=(key,))) for key in SOURCES]
    again = [
        [value for run in sample.ended if run.is_completed and (value := number(run.value(metric))) is not None]
        for sample in row.samples
    ]
    parts = [part for part in parts if part.name != SOURCES[3] or _sets_apart(values)]
    reruns = _pooled(RERUNS, again)
    parts += [reruns] if reruns.freedom else []
    if not any(source.freedom for source in (whole, *parts)):
        return None
    return Breakdown(row, whole, [_shared(part, whole) for part in parts])


def _sets_apart(samples: Iterable[Seeds]) -> bool:
    return any(seeds.split is not None for seeds in samples)


def _groups(values: Mapping[Seeds, float], *, varying: Collection[str]) -> list[list[float]]:
    """The values of samples that have all other seeds in common."""
    groups: dict[tuple[str | None, ...], list[float]] = {}
    for seeds, value in values.items():
        held = tuple(seed for key, seed in zip(SOURCES, seeds, strict=True) if key not in varying)
        groups.setdefault(held, []).append(value)
    return list(groups.values())


def _pooled(name: str, groups: Iterable[Sequence[float]]) -> Source:
    used = [values for values in groups if len(values) > 1]
    samples, freedom = sum(map(len, used)), sum(len(values) - 1 for values in used)
    if not freedom:
        return Source(name)
    squares = sum(statistics.variance(values) * (len(values) - 1) for values in used)
    return Source(name, samples, freedom, squares / freedom)


def _shared(part: Source, whole: Source) -> Source:
    if part.variance is None or not whole.variance:
        return part
    low, high = ratio_of_variances(part.variance, part.freedom, whole.variance, whole.freedom)
    return replace(part, share=part.variance / whole.variance, low=low, high=high)
