"""Rows of a comparison: a row is a configuration, and its samples are its seeds."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from exp.compare.runs import Run, number
from exp.config import yaml_text
from exp.terminal.words import counted, metric_text

SEEDS = ("seed",)
"""The configuration keys that do not tell one row from another."""


@dataclass(frozen=True)
class Sample:
    """All runs of one configuration with one seed. However many they are, they are one sample."""

    seed: str
    runs: Sequence[Run]
    """In the order in which they were started."""

    @cached_property
    def run(self) -> Run | None:
        """The run that counts: the first one that completed, whatever came out; None if none did."""
        return next((run for run in self.runs if run.is_completed), None)

    @cached_property
    def reruns(self) -> int:
        """How many runs completed besides the one that counts."""
        return max(0, sum(run.is_completed for run in self.runs) - 1)

    @property
    def status(self) -> str:
        """How its last run ended, if none completed."""
        return "completed" if self.run else str(self.runs[-1].results.get("status"))

    @property
    def is_repeatable(self) -> bool:
        """Whether all runs that came to an end of their own came to the same one, as far as is known."""
        ends = [run for run in self.runs if run.results.get("status") in ("completed", "diverged")]
        return len({(run.results.get("status"), run.results.get("weights_sha256")) for run in ends}) <= 1


@dataclass(frozen=True)
class Row:
    """The runs of one configuration."""

    runs: Sequence[Run]

    @cached_property
    def samples(self) -> list[Sample]:
        """One for each seed, in the order of the runs."""
        by_seed: dict[str, list[Run]] = {}
        for run in self.runs:
            by_seed.setdefault(seed_of(run), []).append(run)
        return [
            Sample(seed, sorted(runs, key=lambda run: str(run.manifest.get("started", ""))))
            for seed, runs in by_seed.items()
        ]

    @property
    def name(self) -> str:
        """The folder of the first run, and how many others there are."""
        more = f" +{len(self.runs) - 1}" if len(self.runs) > 1 else ""
        return f"{self.runs[0].folder.name}{more}"

    @cached_property
    def n(self) -> int:
        """How many seeds completed."""
        return sum(sample.run is not None for sample in self.samples)

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

    def by_seed(self, key: str) -> dict[str, float]:
        """The value of a result for each seed that completed and has it as a number."""
        found = {sample.seed: number(sample.run.value(key)) for sample in self.samples if sample.run}
        return {seed: value for seed, value in found.items() if value is not None}

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
            return f"{metric_text(key, statistics.fmean(numbers))} ± {metric_text(key, statistics.stdev(numbers))}"
        if value is None:
            return ""
        is_result = isinstance(value, float) and key not in self.runs[0].config
        return metric_text(key, value) if is_result else yaml_text(value)

    def shared_config(self) -> Mapping[str, Any]:
        """The configuration, without what tells its seeds from each other."""
        return {key: value for key, value in self.runs[0].config.items() if key not in SEEDS}


def seed_of(run: Run) -> str:
    """What tells a run from others of its row."""
    return ", ".join(yaml_text(run.config.get(key)) for key in SEEDS)


def rows_of(runs: Sequence[Run]) -> list[Row]:
    """Runs with the same configuration but for the seed become one row; others one each."""
    rows: dict[str, list[Run]] = {}
    for run in runs:
        same = str(sorted((key, str(value)) for key, value in run.config.items() if key not in SEEDS))
        rows.setdefault(same, []).append(run)
    return [Row(together) for together in rows.values()]


def incomplete(rows: Sequence[Row]) -> list[Row]:
    """The rows that have failures, or fewer seeds than others: what is left of them has no rank among the others."""
    most = max((row.n for row in rows), default=0)
    return [row for row in rows if row.failed or row.n < most]
