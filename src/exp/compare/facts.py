"""What run folders say about how their runs came about, besides the configuration: code, packages, data, devices."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from exp.compare.runs import Run
from exp.compare.seeds import seeds_of
from exp.config import yaml_text
from exp.system.provenance import CHANGED

SPEED = "examples_per_second"
UNKNOWN = "unknown changes"
"""Stands for changes that were not committed, and that nobody kept."""
_COMPUTING = ("tensorflow", "keras", "numpy", "tensorflow-datasets")
"""The packages that figures other than speeds depend on."""


@dataclass(frozen=True)
class Fact:
    """Something that a run's folder says about how the run came about."""

    name: str
    of: Callable[[Run], str | None]
    """None if the folder does not say it."""
    matters: Callable[[str], bool] = lambda metric: True
    """Whether a metric, by its tag, can change by it."""
    elsewhere: bool = True
    """Whether it is worth a word where it does not matter."""
    asked: Callable[[Run], str | None] = lambda run: None
    """What it depends on as a run was asked for; only runs that were asked for the same have to have the same fact."""


def is_speed(metric: str) -> bool:
    """Whether a figure is about time, not about what was learned."""
    return metric == SPEED or metric.startswith("seconds.")


def facts_of_runs(runs: Sequence[Run]) -> list[Fact]:
    """All facts that folders tell; one for each package."""
    packages = sorted({key for run in runs for key in run.manifest if key.startswith("packages.")})
    of_packages = [
        Fact("packages", _text(key, before=f"{key.partition('.')[2]} "), _always if _computes(key) else is_speed)
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


def _exp(run: Run) -> str | None:
    """Its version, with the commit, unless that is told as the commit of the code. Changes in a wheel are unknown."""
    version, commit = run.manifest.get("exp"), str(run.manifest.get("exp_commit") or "")
    if version is None or not commit or commit.startswith(str(run.manifest.get("git.commit"))):
        return version
    return f"{version} ({commit[:10]}{f', {UNKNOWN}' if commit.endswith(CHANGED) else ''})"


def _compiled(run: Run) -> str | None:
    """Only the time to the first step, and what contains it, depends on that."""
    compiled = run.results.get("compiled")
    if compiled is None:
        return "none"
    return "compiled in the run" if compiled else "kept from another run"


def _is_seconds(metric: str) -> bool:
    return metric.startswith("seconds.")


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


_FACTS = (
    Fact("commit", _commit),
    Fact("patch", _patch),
    Fact("exp", _exp),
    Fact("data", _data),
    Fact("split", _split, asked=lambda run: seeds_of(run.config).split),
    Fact("skipped files", _skipped),
    Fact("threads", _text("devices.threads")),
    Fact("devices", _devices),
    Fact("xla", _text("jit_compile")),
    Fact("warm start", _warm_start),
)
_AT_LAST = (
    Fact("python", _text("python"), is_speed),
    Fact("platform", _text("platform"), is_speed),
    Fact("compiled steps", _compiled, _is_seconds, elsewhere=False),
    Fact("jobs side by side", _text("sweep.n_jobs"), is_speed, elsewhere=False),
)
FACT_NAMES = (*(fact.name for fact in _FACTS), "packages", *(fact.name for fact in _AT_LAST))
"""The names of all facts."""
