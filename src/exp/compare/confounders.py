"""What else differs between runs that are compared, besides the factor that they are compared for."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from exp.compare.dependence import dependence
from exp.compare.facts import FACT_NAMES, SPEED, UNKNOWN, Fact, facts_of_runs
from exp.compare.rows import Row
from exp.compare.runs import Run
from exp.compare.table import selected_on_test
from exp.config import yaml_text
from exp.config.choices import KINDS
from exp.terminal.tables import one_line, shortened
from exp.terminal.words import counted

THREADS = "device.threads"
"""A configuration key that every run has from its manifest, and that is named as a fact."""
_FOLLOWS = {
    "model": ("xla",),
    "exec": ("xla",),
    "train": ("xla",),
    "task": ("xla",),
    "device": ("devices", "threads", "xla"),
    "data": ("data", "split", "skipped files", "xla"),
    "checkpoint.restore": ("warm start",),
}
"""By the factor, or its group: the facts that follow from it, if all runs of a row have the same."""
_FEEDING = ("batch_size", "buffer_size", "prefetch", "transforms", "cache", "on_leak", "on_bad")
"""Keys of `data` that do not choose the examples."""
_SETTINGS = ("data", "optimizer")
"""Groups whose choices share settings, such as `batch_size`, that are no part of the choice if they differ."""
NAMES = ("failed", "baseline", "budget", "selected on test", "seeds", *FACT_NAMES)
"""What `--accept` takes, besides configuration keys."""


@dataclass(frozen=True)
class Confounder:
    """Something that differs, and that is not what is asked about."""

    name: str
    """As `--accept` takes it."""
    sentence: str
    matters: bool
    """Whether the metric can change by it, and nobody said that it may; then no verdict can be given."""


def confounders(
    rows: Sequence[Row],
    metric: str,
    *,
    factor: Collection[str] = (),
    accepted: Collection[str] = (),
    at: str | None = None,
) -> list[Confounder]:
    """What differs in a row or between two of them, and is not the factor.

    Args:
        rows: one row; or the one that is compared, and its baseline.
        metric: what is compared, such as `test/accuracy`.
        factor: the configuration keys that are asked about; what is below them, and what follows from them, is no
            confounder.
        accepted: the names of confounders that are said not to matter.
        at: the budget at which the runs are compared, such as `step=100`.

    Returns:
        In the order in which they are best read; each has a sentence.
    """
    follows = {name for key in factor for name in _following(key)}
    found = [*_failures(rows, metric), *_selected(rows, metric), *_budgets(rows, at)]
    runs = [run for row in rows for run in row.counted]
    timed = _is_timed(runs, at)
    for fact in facts_of_runs(runs):
        matters = fact.matters(metric) or (timed and fact.matters(SPEED))
        if matters or fact.elsewhere:
            found += _different(fact, rows, matters=matters, follows=fact.name in follows)
    found += [*_other_keys(rows, factor), *_seeds(rows), *_not_repeatable(rows)]
    return [Confounder(one.name, one.sentence, one.matters and one.name not in accepted) for one in found]


def differing_facts(runs: Sequence[Run], metric: str, *, keys: Collection[str], at: str | None = None) -> list[str]:
    """The names of the facts that runs do not have in common, although a metric can change by them.

    Args:
        runs: any number of them, of any configurations.
        metric: what they are looked at for.
        keys: the configuration keys in which they differ on purpose; what follows from these is left out.
        at: the budget at which they are looked at, such as `step=100`.
    """
    follows = {name for key in keys for name in _following(key)}
    timed = _is_timed(runs, at)
    found: dict[str, None] = {}
    for fact in facts_of_runs(runs):
        if fact.name in follows or not (fact.matters(metric) or (timed and fact.matters(SPEED))):
            continue
        if not _are_equal(fact, runs):
            found[fact.name] = None
    return list(found)


def _is_timed(runs: Sequence[Run], at: str | None) -> bool:
    """Whether a clock ended a training, or ends the comparison, so that every figure depends on how fast it was."""
    is_cut = at is not None and at.startswith("seconds")
    return is_cut or any(run.results.get("stopped") == "max_seconds" for run in runs)


def _are_equal(fact: Fact, runs: Sequence[Run]) -> bool:
    """Whether a fact is known to be equal in all runs that were asked for the same in what it depends on.

    What nobody knows is not known to be equal to anything else.
    """
    alike: dict[str | None, list[str]] = {}
    for run in runs:
        value = fact.of(run)
        if value is not None:
            alike.setdefault(fact.asked(run), []).append(value)
    return all(len(set(values)) == 1 and (len(values) == 1 or UNKNOWN not in values[0]) for values in alike.values())


def is_below(key: str, factor: Collection[str]) -> bool:
    """Whether a configuration key is one of the factor's, or belongs to one: `model.hidden` to `model`."""
    return any(key == one or key.startswith(f"{one}.") for one in factor)


def other_keys(row: Row, other: Row, factor: Collection[str]) -> list[str]:
    """The configuration keys in which two rows differ and which are not the factor's.

    Settings that both choices of a group have, such as `data.batch_size` of two data sets, are not the factor's either.
    """
    ours, theirs = row.shared, other.shared
    different = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
    return sorted(
        key
        for key in different
        if not is_below(key, factor) or (key not in factor and _is_setting(key) and key in ours and key in theirs)
    )


def _is_setting(key: str) -> bool:
    """Whether choices of the key's group have it in common, and it is not what a choice stands for."""
    group, _, name = key.partition(".")
    return group in _SETTINGS and name != KINDS[group]


def keys_below(row: Row, other: Row, factor: Collection[str]) -> list[str]:
    """The keys below the factor that both rows have, and in which they differ."""
    ours, theirs = row.shared, other.shared
    return sorted(
        key
        for key in ours.keys() & theirs.keys()
        if key not in factor and is_below(key, factor) and ours[key] != theirs[key]
    )


def _following(key: str) -> tuple[str, ...]:
    group, _, name = key.partition(".")
    if group == "data" and name in _FEEDING:
        return ()
    return _FOLLOWS.get(key, _FOLLOWS.get(group, ()))


def _other_keys(rows: Sequence[Row], factor: Collection[str]) -> list[Confounder]:
    if len(rows) < 2:
        return []
    found = []
    for key in other_keys(rows[0], rows[1], factor):
        texts = [row.shared.get(key) for row in rows]
        if key != THREADS:
            values = " and ".join(f"{_short(_shown(row, key))} in {row.name}" for row in rows)
            found.append(Confounder(key, f"{key}: is {values}", True))
        elif None in texts:
            known = next(text for text in texts if text is not None)
            found.append(Confounder("threads", f"threads: {known} in one row, and not known in the other", True))
    return found


def _shown(row: Row, key: str) -> str:
    return yaml_text(row.runs[0].config.get(key))


def _different(fact: Fact, rows: Sequence[Row], *, matters: bool, follows: bool) -> list[Confounder]:
    """A confounder if the runs do not all have the same fact; those whose folders do not say it play no part."""
    counts = [Counter(value for run in row.counted if (value := fact.of(run)) is not None) for row in rows]
    if _are_equal(fact, [run for row in rows for run in row.counted]):
        return []
    if all(len(of_row) <= 1 for of_row in counts):
        if follows:
            return []
        told = " and ".join(
            f"{_short(v)} in {row.name}" for row, values in zip(rows, counts, strict=True) for v in values
        )
    else:
        told = "; ".join(_counted(row, values) for row, values in zip(rows, counts, strict=True) if values)
    return [Confounder(fact.name, f"{fact.name}: {told}", matters)]


def _counted(row: Row, values: Counter[str]) -> str:
    listed = ", ".join(f"{_short(value)} in {counted(times, 'run')}" for value, times in values.items())
    return f"{listed} of {row.name}"


def _failures(rows: Sequence[Row], metric: str) -> list[Confounder]:
    """Seeds that failed are no random ones: what is left was chosen by surviving."""
    found = []
    for row in rows:
        seeds, failed = counted(len(row.samples), "seed"), row.failed_at(metric)
        if failed and failed == row.failed:
            found.append(Confounder("failed", f"failed: {failed} of {seeds} of {row.name}", True))
        elif failed:
            found.append(Confounder("failed", f"failed: {failed} of {seeds} of {row.name} have no {metric}", True))
    return found


def _selected(rows: Sequence[Row], metric: str) -> list[Confounder]:
    if not metric.startswith("test/"):
        return []
    chosen = selected_on_test(rows)
    what = "the tested weights were chosen by the test set"
    return (
        [Confounder("selected on test", f"selected on test: {what} in {' and '.join(chosen)}", True)] if chosen else []
    )


def _budgets(rows: Sequence[Row], at: str | None) -> list[Confounder]:
    """Figures are logged now and then, so that the last ones within a budget can be of other amounts."""
    kind = "" if at is None else at.partition("=")[0]
    if kind not in ("step", "examples"):
        return []
    amounts = [sorted({str(int(run.results[kind])) for run in row.counted if kind in run.results}) for row in rows]
    if len({amount for of_row in amounts for amount in of_row}) <= 1:
        return []
    told = " and ".join(f"{', '.join(of_row)} in {row.name}" for row, of_row in zip(rows, amounts, strict=True))
    return [Confounder("budget", f"budget: the last figures within {at} are of {kind} {told}", True)]


def _seeds(rows: Sequence[Row]) -> list[Confounder]:
    return [Confounder("seeds", f"seeds: {sentence}", matters) for sentence, matters in dependence(rows)]


def _not_repeatable(rows: Sequence[Row]) -> list[Confounder]:
    return [
        Confounder(
            "determinism", f"determinism: seed {sample.seed} of {row.name} gave other weights when it ran again", False
        )
        for row in rows
        for sample in row.samples
        if not sample.is_repeatable
    ]


def _short(text: str) -> str:
    return shortened(one_line(text), 60)
