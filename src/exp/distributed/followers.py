"""What takes the place of the run folder in workers that do not write it, so that every worker runs the same code."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from exp.run_folder.names import CHECKPOINTS


class Folder(Protocol):
    """What a run does with its folder: `exp.run_folder.folder.RunFolder`, or `NoFolder`."""

    @property
    def path(self) -> Path:
        """Where the folder is."""

    @property
    def checkpoints(self) -> Path:
        """Where the checkpoints of the run are."""

    @property
    def note(self) -> str | None:
        """A sentence for the person about how the folder is protected; None if nothing is special."""

    def close(self) -> None:
        """Give the lock back."""

    def write_config(self, files: Mapping[str, str]) -> None:
        """Write `.hydra/`."""

    def write_manifest(self, facts: Mapping[str, Any], *, targets: Sequence[str] = ()) -> list[str]:
        """Write `manifest.json`; returns what changed since an earlier one."""

    def write_results(self, results: Mapping[str, Any]) -> None:
        """Write `results.json`."""


class NoFolder:
    """A `Folder` that writes nothing: the chief writes it, and this process may read it."""

    note = None

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / CHECKPOINTS

    def close(self) -> None:
        """Nothing is locked."""

    def write_config(self, files: Mapping[str, str]) -> None:
        """The chief writes it."""

    def write_manifest(self, facts: Mapping[str, Any], *, targets: Sequence[str] = ()) -> list[str]:
        """The chief writes it, and says what changed."""
        return []

    def write_results(self, results: Mapping[str, Any]) -> None:
        """The chief writes them."""
