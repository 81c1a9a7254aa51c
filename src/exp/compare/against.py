"""Verdicts: each row against the one that has the baseline's value of a factor."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from exp.compare.confounders import Confounder, confounders, is_below, keys_below, other_keys
from exp.compare.rows import Row
from exp.compare.statistics import ALPHA, Estimate, holm, paired, probability_better, seeds_needed, sign_flip_p, welch
from exp.config import yaml_text
from exp.errors import UserError


@dataclass(frozen=True)
class Question:
    """What is asked of a set of runs."""

    baseline: Mapping[str, str]
    """The factor: configuration keys, each with the value that the baseline has."""
    metric: str
    goal: str
    """`max` or `min`: which value is the better one."""
    margin: float | None = None
    """A difference that is too small to matter, in the metric's own unit."""
    accepted: Collection[str] = ()
    """The names of confounders that are said not to matter."""
    at: str | None = None
    """The budget at which the runs are compared; None: at their ends."""

    @property
    def against(self) -> str:
        """The baseline, as it is given on the command line."""
        return ", ".join(f"{key}={value}" for key, value in self.baseline.items())


@dataclass(frozen=True)
class Comparison:
    """A row against its baseline."""

    row: Row
    baseline: Row
    metric: str
    margin: float | None
    group: Mapping[str, Any]
    """The keys in which the row differs from its baseline, with its values."""
    where: Mapping[str, Any] = field(default_factory=dict)
    """The keys that tell it from other comparisons, and in which it does not differ from its baseline."""
    estimate: Estimate | None = None
    """None if one of the two has no value at all."""
    is_identical: bool = False
    """Whether both have the same weights and the same metric, seed by seed."""
    p_exact: float | None = None
    """Of the sign-flip test."""
    probability_better: float | None = None
    confounders: Sequence[Confounder] = ()
    p_holm: float | None = None
    """The p-value of the t test, adjusted for all comparisons that are made."""
    p_equivalent: float | None = None
    """Of the two one-sided t tests, adjusted likewise; None without a margin."""
    family: int = 1
    """The number of comparisons that p-values are adjusted for."""
    verdict: str = "undecided"
    """`better`, `worse`, `equivalent`, `undecided`, `identical` or `confounded`."""

    @property
    def name(self) -> str:
        """What tells it from others, by the last words of the keys, as a person calls them."""
        return named({**self.group, **self.where})

    @property
    def n(self) -> int:
        """Pairs; without pairs, the seeds of the smaller row."""
        return self.estimate.n if self.estimate else 0

    @property
    def method(self) -> str | None:
        """`paired t`, `Welch t`, or `identical`; None if there is nothing to compare."""
        return "identical" if self.is_identical else self.estimate.method if self.estimate else None

    @property
    def left_out(self) -> list[str]:
        """The seeds that one of the two has alone, if only pairs are compared."""
        if self.estimate is None or self.estimate.method != "paired t":
            return []
        ours, theirs = (row.by_seed(self.metric) for row in (self.row, self.baseline))
        return [seed for seed in {**ours, **theirs} if seed not in ours or seed not in theirs]

    @property
    def seeds_needed(self) -> int | None:
        """The seeds of each row that would decide an effect of the size seen; None if it is decided, or if none do.

        Among several comparisons an effect must be seen at the level that Holm's method asks of the first one.
        """
        if self.verdict != "undecided" or self.estimate is None:
            return None
        return seeds_needed(self.estimate, margin=self.margin, alpha=ALPHA / self.family)


def compare(rows: Sequence[Row], question: Question) -> list[Comparison]:
    """Compare each row that differs in the factor with its baseline.

    A row's baseline is the row with the baseline's value that differs from it in the fewest other keys; each of these
    is a confounder.

    Args:
        rows: of the runs that are compared.
        question: what is asked.

    Raises:
        UserError: no row has the baseline's value, or all have.
    """
    baselines, others = divided(rows, question)
    by_rest: dict[frozenset[tuple[str, str]], list[Row]] = {}
    for one in baselines:
        by_rest.setdefault(_rest(one, question.baseline), []).append(one)
    made = [_comparison(row, by_rest.get(_rest(row, question.baseline), baselines), question) for row in others]
    return _decided(_told_apart(made, question), question)


def divided(rows: Sequence[Row], question: Question) -> tuple[list[Row], list[Row]]:
    """The rows with the baseline's value, and the others.

    Raises:
        UserError: one of the two is empty.
    """
    baselines = [row for row in rows if _is_baseline(row, question.baseline)]
    others = [row for row in rows if not _is_baseline(row, question.baseline)]
    if not baselines:
        there = "; ".join(f"{key} is {', '.join(sorted({row.text(key) for row in rows}))}" for key in question.baseline)
        raise UserError(f"--against {question.against}: no run is like this; {there}")
    if not others:
        raise UserError(
            f"--against {question.against}: every run is like this, so that there is nothing to compare with it"
        )
    return baselines, others


def named(values: Mapping[str, Any]) -> str:
    """Values by the last words of their keys, as a person calls them: `model=cnn batch_size=50`."""
    names = [key.rpartition(".")[2] for key in values]
    return " ".join(
        f"{name if names.count(name) == 1 else key}={yaml_text(value)}"
        for name, (key, value) in zip(names, values.items(), strict=True)
    )


def _is_baseline(row: Row, baseline: Mapping[str, str]) -> bool:
    return all(yaml_text(row.runs[0].value(key)) == value for key, value in baseline.items())


def _rest(row: Row, factor: Collection[str]) -> frozenset[tuple[str, str]]:
    """The configuration without the factor."""
    return frozenset((key, text) for key, text in row.shared.items() if not is_below(key, factor))


def _nearest(row: Row, baselines: Sequence[Row], factor: Collection[str]) -> list[Row]:
    """The rows that differ from a row in the fewest keys besides the factor, and then in the fewest below it."""
    far = [(len(other_keys(row, one, factor)), len(keys_below(row, one, factor))) for one in baselines]
    return [one for one, distance in zip(baselines, far, strict=True) if distance == min(far)]


def _comparison(row: Row, baselines: Sequence[Row], question: Question) -> Comparison:
    factor, metric = tuple(question.baseline), question.metric
    baseline, *as_near = _nearest(row, baselines, factor)
    found = confounders([row, baseline], metric, factor=factor, accepted=question.accepted, at=question.at)
    if as_near:
        others = ", ".join(one.name for one in as_near)
        sentence = f"baseline: {baseline.name} was taken, and {others} would do as well; name one by another --against"
        found.insert(0, Confounder("baseline", sentence, "baseline" not in question.accepted))
    differing = [key for key in factor if row.text(key) != baseline.text(key)] + other_keys(row, baseline, factor)
    group = {key: row.value(key) for key in differing}
    made = Comparison(row, baseline, metric, question.margin, group, confounders=found)
    ours, theirs = row.by_seed(metric), baseline.by_seed(metric)
    if not ours or not theirs:
        return made
    higher = question.goal == "max"
    seeds = [seed for seed in ours if seed in theirs]
    if len(seeds) < min(2, len(ours), len(theirs)) or not seeds:
        values = list(ours.values()), list(theirs.values())
        better = probability_better(*values, is_paired=False, higher=higher)
        return replace(made, estimate=welch(*values), probability_better=better)
    pairs = [ours[seed] for seed in seeds], [theirs[seed] for seed in seeds]
    whole = len(seeds) == len(row.samples) == len(baseline.samples)
    return replace(
        made,
        estimate=paired(*pairs),
        is_identical=whole and pairs[0] == pairs[1] and _weights(row, seeds) == _weights(baseline, seeds),
        p_exact=sign_flip_p([one - other for one, other in zip(*pairs, strict=True)]),
        probability_better=probability_better(*pairs, is_paired=True, higher=higher),
    )


def _weights(row: Row, seeds: Sequence[str]) -> list[Any]:
    """The digests of the weights that seeds ended with; what has none equals nothing."""
    runs = {sample.seed: sample.run for sample in row.samples}
    found = [run.results.get("weights_sha256") if (run := runs[seed]) else None for seed in seeds]
    return [object() if weights is None else weights for weights in found]


def _told_apart(made: Sequence[Comparison], question: Question) -> list[Comparison]:
    """The comparisons with the keys that tell those of the same group from each other."""
    groups: dict[str, list[Comparison]] = {}
    for one in made:
        groups.setdefault(str(one.group), []).append(one)
    telling = {}
    for name, alike in groups.items():
        every = dict.fromkeys(key for one in alike for key in one.row.shared)
        telling[name] = [key for key in every if len({one.row.shared.get(key) for one in alike}) > 1]
    told = []
    for one in made:
        keys = [key for key in telling[str(one.group)] if key not in one.group]
        below = {key: one.row.value(key) for key in keys if is_below(key, tuple(question.baseline))}
        beside = {key: one.row.value(key) for key in keys if key not in below}
        told.append(replace(one, group={**one.group, **below}, where=beside))
    return told


def _decided(made: Sequence[Comparison], question: Question) -> list[Comparison]:
    """The comparisons with their verdicts: all p-values are adjusted for the number of comparisons."""
    tested = [None if one.is_identical or one.estimate is None else one.estimate for one in made]
    adjusted = holm([None if estimate is None else estimate.p for estimate in tested])
    margin = question.margin
    same = holm([None if margin is None or estimate is None else estimate.p_equivalent(margin) for estimate in tested])
    family = max(1, sum(p is not None for p in adjusted))
    return [
        replace(one, p_holm=p, p_equivalent=p_same, family=family, verdict=_verdict(one, p, p_same, question))
        for one, p, p_same in zip(made, adjusted, same, strict=True)
    ]


def _verdict(one: Comparison, p: float | None, p_same: float | None, question: Question) -> str:
    if one.is_identical:
        return "identical"
    if p is None:
        return "undecided"
    assert one.estimate is not None
    if any(confounder.matters for confounder in one.confounders):
        return "confounded"
    if p_same is not None and p_same < ALPHA:
        return "equivalent"
    if p >= ALPHA:
        return "undecided"
    return "better" if (one.estimate.difference > 0) == (question.goal == "max") else "worse"
