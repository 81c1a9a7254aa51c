"""What takes the place of the run folder in workers that write none: so the order of things is the same in all."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class NoFolder:
    """Stands for `exp.run_folder.folder.RunFolder`."""

    note = None

    def __init__(self, path: Path) -> None:
        """Keep the place, which the chief writes and this process may read."""
        self.path = path
        self.checkpoints = path / "checkpoints"

    def close(self) -> None:
        """Nothing is locked."""

    def write_config(self, files: Mapping[str, str]) -> None:
        """The chief does."""

    def write_manifest(self, facts: Mapping[str, Any], *, targets: Sequence[str] = ()) -> list[str]:
        """The chief does."""
        return []

    def write_results(self, results: Mapping[str, Any]) -> None:
        """The chief does."""


class NoCheckpoints:
    """Stands for `exp.checkpoint.Checkpoints`."""

    newest: Path | None = None

    def save(self, step: int, *, examples: int, metrics: Mapping[str, float] | None = None) -> None:
        """The chief saves."""

    def check(self) -> None:
        """Nothing can have failed."""

    def wait(self) -> None:
        """Nothing is under way."""

    def close(self) -> None:
        """Nothing is open."""
