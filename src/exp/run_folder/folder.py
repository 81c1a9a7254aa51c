"""A run's own hold on its folder: the lock, and the files that say what the run was and what came out of it."""

import contextlib
import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from exp.run_folder import names
from exp.run_folder.read import read_manifest, results_if_any
from exp.system.files import write_atomically
from exp.system.installed import freeze
from exp.system.lock import Lock
from exp.system.provenance import bearing, code_of, package_versions
from exp.system.safe_files import MissingError, read_bytes

LARGEST_PATCH = 2**20
"""Bytes of uncommitted changes that are kept with a run."""


class Folder(Protocol):
    """What a run does with its folder: `RunFolder`, or `NoFolder` in a process that does not write it."""

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


class RunFolder:
    """A run's folder, held under a lock for as long as this object is open."""

    def __init__(self, path: Path) -> None:
        """Take the lock.

        Raises:
            UserError: another process has it, or the folder cannot be written.
        """
        self.path = path
        self.checkpoints = path / names.CHECKPOINTS
        self.started = datetime.now(UTC)
        self._lock = Lock(path / names.LOCK)
        self.note = self._lock.note
        """What protects the folder, if the file system has no locks."""

    def close(self) -> None:
        """Give the lock back."""
        self._lock.close()

    def write_config(self, files: Mapping[str, str]) -> None:
        """Write `.hydra/`: config.yaml, overrides.yaml, hydra.yaml."""
        folder = self.path / names.HYDRA_FOLDER
        folder.mkdir(exist_ok=True)
        for name, text in files.items():
            write_atomically(folder / name, text)

    def write_manifest(self, facts: Mapping[str, Any], *, targets: Sequence[str] = ()) -> list[str]:
        """Write `manifest.json`: the facts given, and those of the code, the packages and the machine.

        A resumed run keeps the manifest it began with under `previous`, with the results that it had.

        Args:
            facts: what is known about the run.
            targets: the dotted names of the code that the run calls.

        Returns:
            Those facts on which last bits can depend and that have changed since the run began, as text.
        """
        path, code, packages = self.path / names.MANIFEST, code_of(targets), freeze().encode()
        manifest = {
            **facts,
            "started": self.started.isoformat(timespec="seconds"),
            **code.facts,
            "packages": package_versions(),
            "packages_sha256": hashlib.sha256(packages).hexdigest(),
            "python": platform.python_version(),
            "platform": platform.platform(),
        }
        changes: list[str] = []
        with contextlib.suppress(MissingError):
            earlier = read_manifest(self.path)
            changes = _changes(earlier, manifest)
            manifest["previous"] = [*earlier.pop("previous", []), {**earlier, "results": results_if_any(self.path)}]
        patches = {names.patch_of(package): patch for package, patch in code.patches.items()}
        _keep(self.path, {**patches, names.FREEZE: packages})
        write_atomically(path, json.dumps(manifest, indent=2) + "\n")
        # A resumed run has not ended, and must not look so if it is killed.
        (self.path / names.RESULTS).unlink(missing_ok=True)
        return changes

    def write_results(self, results: Mapping[str, Any]) -> None:
        """Write `results.json`: the last thing that a run does."""
        write_atomically(self.path / names.RESULTS, json.dumps(results, indent=2, allow_nan=False) + "\n")


class NoFolder:
    """A `Folder` that writes nothing: the chief writes it, and this process may read it."""

    note = None

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / names.CHECKPOINTS

    def close(self) -> None:
        """Nothing is locked."""

    def write_config(self, files: Mapping[str, str]) -> None:
        """The chief writes it."""

    def write_manifest(self, facts: Mapping[str, Any], *, targets: Sequence[str] = ()) -> list[str]:
        """The chief writes it, and says what changed."""
        return []

    def write_results(self, results: Mapping[str, Any]) -> None:
        """The chief writes them."""


def _keep(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write what was not committed, for each repository, and what was installed.

    A resumed run keeps what it began with under another name, if it is not the same. A patch of more than a megabyte is
    known by its digest in the manifest alone.
    """
    now = dict(files)
    for path in sorted([*folder.glob(names.PATCHES), *folder.glob(names.FREEZE)]):
        earlier = read_bytes(path, most=LARGEST_PATCH)
        if earlier == now.get(path.name):
            del now[path.name]
        else:
            path.replace(names.former(path, hashlib.sha256(earlier).hexdigest()))
    for name, content in now.items():
        if len(content) <= LARGEST_PATCH:
            write_atomically(folder / name, content)


def _changes(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What of a manifest's facts about code and machine differs, as `threads 2 (was 4)`."""
    facts = [bearing(manifest) for manifest in (earlier, now)]
    return [f"{name} {facts[1].get(name)} (was {was})" for name, was in facts[0].items() if was != facts[1].get(name)]
