"""What else differs between runs that are compared, besides the factor that they are compared for."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from exp.compare.rows import Row
from exp.compare.runs import Run
from exp.config import yaml_text
from exp.terminal.tables import one_line, shortened
from exp.terminal.words import counted

THREADS = "device.threads"
"""A configuration key that every run has from its manifest, and that is named as a fact."""
SPEED = "examples_per_second"
_COMPUTING = ("tensorflow", "keras", "numpy", "tensorflow-datasets")
"""The packages that figures other than speeds depend on."""
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
UNKNOWN = "unknown changes"


@dataclass(frozen=True)
class Confounder:
    """Something that differs, and that is not what is asked about."""

    name: str
    """As `--accept` takes it."""
    sentence: str
    matters: bool
    """Whether the metric can change by it, and nobody said that it may; then no verdict can be given."""


@dataclass(frozen=True)
class _Fact:
    """Something that a run's folder says about how the run came about."""

    name: str
    of: Callable[[Run], str | None]
    """None if the folder does not say it."""
    matters: Callable[[str], bool] = lambda metric: True
    """Whether a metric, by its tag, can change by it."""
    elsewhere: bool = True
    """Whether it is worth a word where it does not matter."""


def is_speed(metric: str) -> bool:
    """Whether a figure is about time, not about what was learned."""
    return metric == SPEED or metric.startswith("seconds.")


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
    # Where a clock ended the training, or the comparison, every figure depends on how fast it was.
    is_timed = at is not None and at.startswith("seconds")
    timed = is_timed or any(run.results.get("stopped") == "max_seconds" for run in runs)
    for fact in _facts(runs):
        matters = fact.matters(metric) or (timed and fact.matters(SPEED))
        if matters or fact.elsewhere:
            found += _different(fact, rows, matters=matters, follows=fact.name in follows)
    found += [*_other_keys(rows, factor), *_not_repeatable(rows)]
    return [Confounder(one.name, one.sentence, one.matters and one.name not in accepted) for one in found]


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
        if not is_below(key, factor)
        or (key not in factor and key.partition(".")[0] in _SETTINGS and key in ours and key in theirs)
    )


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


def _different(fact: _Fact, rows: Sequence[Row], *, matters: bool, follows: bool) -> list[Confounder]:
    """A confounder if the runs do not all have the same fact; those whose folders do not say it play no part."""
    counts = [Counter(value for run in row.counted if (value := fact.of(run)) is not None) for row in rows]
    values = {value for of_row in counts for value in of_row}
    several = sum(of_row.total() for of_row in counts) > 1
    if len(values) <= 1 and not (several and any(UNKNOWN in value for value in values)):
        return []  # what nobody knows is not known to be equal
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
    chosen = [row.name for row in rows if any(run.results.get("selected_on") == "test" for run in row.runs)]
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


def _not_repeatable(rows: Sequence[Row]) -> list[Confounder]:
    return [
        Confounder(
            "determinism", f"determinism: seed {sample.seed} of {row.name} gave other weights when it ran again", False
        )
        for row in rows
        for sample in row.samples
        if not sample.is_repeatable
    ]


def _facts(runs: Sequence[Run]) -> list[_Fact]:
    """All facts that folders tell; one for each package."""
    packages = sorted({key for run in runs for key in run.manifest if key.startswith("packages.")})
    of_packages = [
        _Fact("packages", _text(key, before=f"{key.partition('.')[2]} "), _always if _computes(key) else is_speed)
        for key in packages
    ]
    return [*_FACTS, *of_packages, *_AT_LAST]


def _computes(key: str) -> bool:
    return key.partition(".")[2] in _COMPUTING


def _always(metric: str) -> bool:
    return True


def _text(key: str, *, before: str = "") -> Callable[[Run], str | None]:
    """What a manifest has under a key."""

    def read(run: Run) -> str | None:
        value = run.manifest.get(key)
        return None if value is None else f"{before}{yaml_text(value)}"

    return read


def _repositories(run: Run) -> list[tuple[str, str]]:
    """The repositories with code of the run: the beginning of their keys in the manifest, and whose they are."""
    own = sorted({key.rpartition(".")[0] for key in run.manifest if key.startswith("code.") and key.count(".") > 1})
    return [("git", ""), *((prefix, f"{prefix.partition('.')[2]} ") for prefix in own)]


def _commit(run: Run) -> str | None:
    found = [(whose, run.manifest.get(f"{prefix}.commit")) for prefix, whose in _repositories(run)]
    return ", ".join(f"{whose}{str(commit)[:10]}" for whose, commit in found if commit is not None) or None


def _patch(run: Run) -> str | None:
    """The changes that were not committed: their digest, or that nobody kept them."""
    found = []
    for prefix, whose in _repositories(run):
        dirty, patch = run.manifest.get(f"{prefix}.dirty"), run.manifest.get(f"{prefix}.patch")
        if dirty is not None:
            found.append(f"{whose}{str(patch)[:10] if patch else UNKNOWN if dirty else 'no changes'}")
    return ", ".join(found) or None


def _data(run: Run) -> str | None:
    keys = ("data.name", "data.fingerprint", *sorted(key for key in run.manifest if key.startswith("data.examples.")))
    values = [str(run.manifest[key])[:10] for key in keys if run.manifest.get(key) is not None]
    return " ".join(values) or None


def _split(run: Run) -> str | None:
    apart = run.manifest.get("data.set_apart")
    return None if apart is None else f"validation examples {str(apart)[:10]}"


def _skipped(run: Run) -> str | None:
    count = run.manifest.get("data.skipped.count")
    if count is None:
        return None
    files = json.dumps(run.manifest.get("data.skipped.files"), sort_keys=True)
    return f"{count} ({hashlib.sha256(files.encode()).hexdigest()[:6]})" if count else "none"


def _devices(run: Run) -> str | None:
    used, replicas = run.manifest.get("devices.used"), run.manifest.get("devices.replicas")
    return None if used is None and replicas is None else f"{yaml_text(used)} ({yaml_text(replicas)} replicas)"


def _warm_start(run: Run) -> str | None:
    """The weights that a run began with; a test begins with those that it tests, and no resumed run starts again."""
    if run.manifest.get("mode") == "test":
        return None
    first = run.first_manifest
    if first is not None:
        restored = first.get("restored")
        weights = restored.get("weights_sha256") if isinstance(restored, dict) else None
    else:
        weights = run.manifest.get("restored.weights_sha256")
    return f"from weights {str(weights)[:10]}" if weights else "none"


def _short(text: str) -> str:
    return shortened(one_line(text), 60)


_FACTS = (
    _Fact("commit", _commit),
    _Fact("patch", _patch),
    _Fact("exp", _text("exp")),
    _Fact("data", _data),
    _Fact("split", _split),
    _Fact("skipped files", _skipped),
    _Fact("threads", _text("devices.threads")),
    _Fact("devices", _devices),
    _Fact("xla", _text("jit_compile")),
    _Fact("warm start", _warm_start),
)
_AT_LAST = (
    _Fact("python", _text("python"), is_speed),
    _Fact("platform", _text("platform"), is_speed),
    _Fact("jobs side by side", _text("sweep.n_jobs"), is_speed, elsewhere=False),
)
NAMES = (
    "failed",
    "baseline",
    "selected on test",
    *(fact.name for fact in _FACTS),
    "packages",
    *(fact.name for fact in _AT_LAST),
)
"""What `--accept` takes, besides configuration keys."""
