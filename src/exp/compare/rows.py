"""Rows of a comparison: a row is a configuration, and its samples are its seeds."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from exp.compare.runs import Run, number
from exp.compare.seeds import SEEDS, Seeds, seeds_of
from exp.config import yaml_text
from exp.terminal.words import counted, metric_text


@dataclass(frozen=True)
class Sample:
    """All runs of one configuration with the same seeds. However many they are, they are one sample."""

    seeds: Seeds
    runs: Sequence[Run]
    """In the order in which they were started."""

    @property
    def seed(self) -> str:
        """The seeds in words; `3` if all are 3."""
        return self.seeds.text

    @cached_property
    def ended(self) -> list[Run]:
        """The runs that came to an end of their own: what stopped others says nothing about the configuration."""
        return [run for run in self.runs if run.results.get("status") in ("completed", "diverged")]

    @cached_property
    def run(self) -> Run | None:
        """The run that counts: the first one that came to an end, if it completed.

        One that diverged is not made good by another one that did not.
        """
        first = next(iter(self.ended), None)
        return first if first is not None and first.is_completed else None

    @cached_property
    def reruns(self) -> int:
        """How many runs came to an end after the first one."""
        return max(0, len(self.ended) - 1)

    @property
    def status(self) -> str:
        """How the run that counts ended; if there is none, the last one."""
        return str((self.ended[0] if self.ended else self.runs[-1]).results.get("status"))

    @property
    def is_repeatable(self) -> bool:
        """Whether all runs that came to an end came to the same one, as far as is known."""
        return len({(run.results.get("status"), run.results.get("weights_sha256")) for run in self.ended}) <= 1


@dataclass(frozen=True)
class Row:
    """The runs of one configuration."""

    runs: Sequence[Run]

    @cached_property
    def samples(self) -> list[Sample]:
        """One for each seed, in the order of the runs."""
        by_seeds: dict[Seeds, list[Run]] = {}
        for run in self.runs:
            by_seeds.setdefault(seeds_of(run.config), []).append(run)
        return [Sample(seeds, sorted(runs, key=lambda run: run.began)) for seeds, runs in by_seeds.items()]

    @property
    def name(self) -> str:
        """The folder of the first run, and how many others there are."""
        more = f" +{len(self.runs) - 1}" if len(self.runs) > 1 else ""
        return f"{self.runs[0].folder.name}{more}"

    @property
    def n(self) -> int:
        """How many seeds completed."""
        return len(self.counted)

    @property
    def failed(self) -> int:
        """How many seeds have no run that completed: they diverged, were killed, failed, or are not done yet."""
        return len(self.samples) - self.n

    @property
    def reruns(self) -> int:
        """How many runs are a seed once more."""
        return sum(sample.reruns for sample in self.samples)

    @property
    def count(self) -> str:
        """`n`, and what else there is: `1 (2 diverged, 1 rerun)`."""
        ends = Counter(sample.status for sample in self.samples if sample.run is None)
        words = [f"{times} {status}" for status, times in sorted(ends.items())]
        words += [counted(self.reruns, "rerun")] if self.reruns else []
        return f"{self.n} ({', '.join(words)})" if words else str(self.n)

    @cached_property
    def counted(self) -> list[Run]:
        """The run that counts of each seed that completed."""
        return [sample.run for sample in self.samples if sample.run]

    @property
    def seeds(self) -> list[Seeds]:
        """The seeds of those samples that completed."""
        return [sample.seeds for sample in self.samples if sample.run]

    def by_seed(self, key: str) -> dict[str, float]:
        """The value of a result for each seed that completed and has it as a number."""
        found = {sample.seed: number(sample.run.value(key)) for sample in self.samples if sample.run}
        return {seed: value for seed, value in found.items() if value is not None}

    def failed_at(self, key: str) -> int:
        """How many seeds have no value of a result: they failed, or it was not finite."""
        return len(self.samples) - len(self.by_seed(key))

    def numbers(self, key: str) -> list[float]:
        """The values of a result, one for each seed that completed; if none did, of all runs, to look at."""
        if self.n:
            return list(self.by_seed(key).values())
        return [value for run in self.runs if (value := number(run.value(key))) is not None]

    def mean(self, key: str) -> float | None:
        """The mean over the seeds that completed; None if there are none."""
        values = list(self.by_seed(key).values())
        return statistics.fmean(values) if values else None

    def std(self, key: str) -> float | None:
        """The standard deviation (n - 1) over the seeds that completed; None of fewer than two."""
        values = list(self.by_seed(key).values())
        return statistics.stdev(values) if len(values) > 1 else None

    def value(self, key: str) -> Any:
        """What all runs have in common under a configuration key; of a result the mean; None if there is neither."""
        if key not in self.runs[0].config:
            numbers = self.numbers(key)
            if numbers:
                same = len(set(numbers)) == 1 and isinstance(self.runs[0].value(key), int)
                return int(numbers[0]) if same else statistics.fmean(numbers)
        values = {str(run.value(key)): run.value(key) for run in self.runs}
        return next(iter(values.values())) if len(values) == 1 else ", ".join(values)

    def text(self, key: str) -> str:
        """The value as a cell of a table: of several runs the mean with its standard deviation."""
        numbers, value = self.numbers(key), self.value(key)
        if len(set(numbers)) > 1 and key not in self.runs[0].config:
            spread = f"{metric_text(key, statistics.fmean(numbers))} ± {metric_text(key, statistics.stdev(numbers))}"
            return f"{spread} (n = {len(numbers)})" if len(numbers) < self.n else spread
        if value is None:
            return ""
        is_result = isinstance(value, float) and key not in self.runs[0].config
        return metric_text(key, value) if is_result else yaml_text(value)

    @cached_property
    def shared(self) -> Mapping[str, str]:
        """The configuration as text, without what tells its seeds from each other, and without what is null."""
        return _shared(self.runs[0])


def rows_of(runs: Sequence[Run]) -> list[Row]:
    """Runs with the same configuration but for the seed become one row; others one each."""
    rows: dict[tuple[tuple[str, str], ...], list[Run]] = {}
    for run in runs:
        rows.setdefault(tuple(sorted(_shared(run).items())), []).append(run)
    return [Row(together) for together in rows.values()]


def _shared(run: Run) -> dict[str, str]:
    """A key that is null counts as one that is not there, because earlier versions lacked it."""
    return {key: str(value) for key, value in run.config.items() if key not in SEEDS and value is not None}


def incomplete(rows: Sequence[Row]) -> list[Row]:
    """The rows that have failures, or fewer seeds than others: what is left of them has no rank among the others."""
    most = max((row.n for row in rows), default=0)
    return [row for row in rows if row.failed or row.n < most]
