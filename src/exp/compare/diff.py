"""The differences between two runs: in configuration, in what the manifest can explain, and in results."""

from dataclasses import dataclass
from typing import Any

from exp.compare.runs import Run

_CODE = ("git.", "code.", "exp", "packages.", "python", "platform")
_EXPLAINING = (*_CODE, "data.", "devices.", "sweep.", "steps_per_call")
"""Prefixes of the manifest's keys that can explain a difference between results."""
_RESULTS = ("status", "step", "train/", "test/", "weights_sha256")


@dataclass(frozen=True)
class Difference:
    """A key whose values differ between two runs."""

    key: str
    one: Any
    other: Any

    def __str__(self) -> str:
        """The key and both values, as a line for a person."""
        return f"{self.key}: {self.one} | {self.other}"


def differences(one: Run, other: Run) -> dict[str, list[Difference]]:
    """The differences by section: `config`, `manifest` (code, packages, data, devices), `results`."""
    return {
        "config": _different(one.config, other.config, ("",)),
        "manifest": [*_different(one.manifest, other.manifest, _EXPLAINING), *_installed(one, other)],
        "results": _different(one.results, other.results, _RESULTS),
    }


def _installed(one: Run, other: Run) -> list[Difference]:
    """The packages that differ, without those that the manifests have; none if a run lacks its list."""
    here, there = one.installed(), other.installed()
    known = {
        key.removeprefix("packages.") for run in (one, other) for key in run.manifest if key.startswith("packages.")
    }
    if not here or not there:
        return []
    different = _different(here, there, ("",))
    return [Difference(f"installed.{d.key}", d.one, d.other) for d in different if d.key not in known]


def _different(here: dict[str, Any], there: dict[str, Any], prefixes: tuple[str, ...]) -> list[Difference]:
    keys = sorted(key for key in here.keys() | there.keys() if key.startswith(prefixes))
    return [Difference(key, here.get(key), there.get(key)) for key in keys if here.get(key) != there.get(key)]
