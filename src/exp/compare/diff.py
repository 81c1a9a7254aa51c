"""All that differs between two runs: their configurations, what explains a difference, and their results."""

from dataclasses import dataclass
from typing import Any

from exp.compare.runs import Run

_CODE = ("git.", "code.", "exp", "packages.", "python", "platform")
_EXPLAINING = (*_CODE, "data.", "devices.", "sweep.", "steps_per_call")
"""Of a manifest, what can explain a difference."""
_RESULTS = ("status", "step", "train/", "test/", "weights_sha256")


@dataclass(frozen=True)
class Difference:
    """A key that is not the same."""

    key: str
    one: Any
    other: Any

    def __str__(self) -> str:
        """For people."""
        return f"{self.key}: {self.one} | {self.other}"


def differences(one: Run, other: Run) -> dict[str, list[Difference]]:
    """By section: `config`, `manifest` (code, packages, data, devices), `results`."""
    return {
        "config": _different(one.config, other.config, ("",)),
        "manifest": _different(one.manifest, other.manifest, _EXPLAINING),
        "results": _different(one.results, other.results, _RESULTS),
    }


def _different(here: dict[str, Any], there: dict[str, Any], prefixes: tuple[str, ...]) -> list[Difference]:
    keys = sorted(key for key in here.keys() | there.keys() if key.startswith(prefixes))
    return [Difference(key, here.get(key), there.get(key)) for key in keys if here.get(key) != there.get(key)]
