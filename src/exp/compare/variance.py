"""Where the variance comes from: how much a metric varies with each seed alone, and with all of them at once.

As Bouthillier et al. (MLSys 2021) take a benchmark apart: one source of randomness varies, and the others are held.
"""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from exp.compare.rows import Row
from exp.compare.runs import Run, number
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
    """Degrees of freedom of the variance. A seed that comes again in another group of samples counts once."""
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
    does in concert with another counts for both: shares need not add up to 1. The degrees of freedom are then those of
    the seeds, and not of the samples: what a seed does comes again with it, wherever the others are held.

    Args:
        rows: those in which nothing varies are left out.
        metric: a result, such as `test/accuracy`.

    Raises:
        UserError: nothing varies in any row.
    """
    found = [one for row in rows if (one := _breakdown(row, metric)) is not None]
    if not found:
        raise UserError(
            f"--variance: no two samples of a configuration that have {metric} differ in one seed alone, or in all of "
            "them at once; for example -m seed='range(10)', and -m seeds.init='range(10)'"
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
        {str(place): value for place, run in enumerate(sample.ended) if (value := _completed(run, metric)) is not None}
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


def _completed(run: Run, metric: str) -> float | None:
    return number(run.value(metric)) if run.is_completed else None


Group = Mapping[str, float]
"""The values of samples that have all other seeds in common, by the seed that varies."""


def _groups(values: Mapping[Seeds, float], *, varying: Sequence[str]) -> list[Group]:
    """The samples by the seeds that are held; one of those that vary stands for them all."""
    groups: dict[tuple[str | None, ...], dict[str, float]] = {}
    for seeds, value in values.items():
        by_key = dict(zip(SOURCES, seeds, strict=True))
        held = tuple(seed for key, seed in by_key.items() if key not in varying)
        groups.setdefault(held, {})[str(by_key[varying[0]])] = value
    return list(groups.values())


def _pooled(name: str, groups: Iterable[Group]) -> Source:
    used = [group for group in groups if len(group) > 1]
    if not used:
        return Source(name)
    pooled = sum(len(group) - 1 for group in used)
    squares = sum(statistics.variance(group.values()) * (len(group) - 1) for group in used)
    freedom = pooled if name == RERUNS else len({seed for group in used for seed in group}) - _apart(used)
    return Source(name, sum(map(len, used)), min(pooled, freedom), squares / pooled)


def _apart(groups: Sequence[Group]) -> int:
    """Into how many parts groups fall that have no seed in common with each other."""
    parts: list[set[str]] = []
    for group in groups:
        touching = [part for part in parts if part & group.keys()]
        parts = [part for part in parts if part not in touching] + [set(group).union(*touching)]
    return len(parts)


def _shared(part: Source, whole: Source) -> Source:
    if part.variance is None or not whole.variance:
        return part
    low, high = ratio_of_variances(part.variance, part.freedom, whole.variance, whole.freedom)
    return replace(part, share=part.variance / whole.variance, low=low, high=high)
