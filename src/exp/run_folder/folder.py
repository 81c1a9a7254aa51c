"""The run folder: its name, and the files that say what the run was and what came out of it."""

import contextlib
import fnmatch
import hashlib
import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from exp.errors import UserError
from exp.run_folder import files as run_files
from exp.system.files import write_atomically
from exp.system.lock import Lock
from exp.system.provenance import bearing, code_facts, package_versions
from exp.system.safe_files import MissingError, UnreadableError


def new_folder(wanted: Path, *, key: str | None = "hydra.run.dir") -> Path:
    """Make a folder that nobody else has: `wanted`, or `wanted-2`, `wanted-3`, ... if it is taken.

    Args:
        wanted: the folder.
        key: by which the user can name another one; None if there is none.

    Raises:
        UserError: no folder can be made there.
    """
    number = 1
    try:
        wanted.parent.mkdir(parents=True, exist_ok=True)
        while True:
            path = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
            with contextlib.suppress(FileExistsError):
                path.mkdir()  # fails if it is there: that makes the name ours alone, without a lock
                return path
            number += 1
    except OSError as error:
        raise UserError(f"{f'{key}=' if key else ''}{wanted}: cannot be made ({error.strerror})") from error


def is_of_refused_run(folder: Path) -> bool:
    """Whether a folder holds nothing, or no more than a run leaves that was refused before it began: its logs."""
    with os.scandir(folder) as entries:
        return all(
            entry.is_file(follow_symlinks=False)
            and any(
                fnmatch.fnmatchcase(entry.name, name) for name in ("run.log", "worker-*.log", ".lock*", ".job.json")
            )
            for entry in entries
        )


class RunFolder:
    """A run's folder, held under a lock for as long as this object is open."""

    def __init__(self, path: Path) -> None:
        """Take the lock.

        Raises:
            UserError: another process has it, or the folder cannot be written.
        """
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.started = datetime.now(UTC)
        self._lock = Lock(path / ".lock")
        self.note = self._lock.note
        """What protects the folder, where the file system has no locks."""

    def close(self) -> None:
        """Give the lock back."""
        self._lock.close()

    def write_config(self, files: Mapping[str, str]) -> None:
        """Write `.hydra/`: config.yaml, overrides.yaml, hydra.yaml."""
        (self.path / ".hydra").mkdir(exist_ok=True)
        for name, text in files.items():
            write_atomically(self.path / ".hydra" / name, text)

    def write_manifest(self, facts: Mapping[str, Any], *, targets: Sequence[str] = ()) -> list[str]:
        """Write `manifest.json`: the facts given, and those of the code, the packages and the machine.

        A resumed run keeps the manifest it began with under `previous`, with the results that it had.

        Args:
            facts: of the run.
            targets: the dotted names of the code that it calls.

        Returns:
            What that one named and is not the same any more, among all that last bits can depend on.
        """
        path = self.path / "manifest.json"
        manifest = {
            **facts,
            "started": self.started.isoformat(timespec="seconds"),
            **code_facts(targets),
            "packages": package_versions(),
            "python": platform.python_version(),
            "platform": platform.platform(),
        }
        changes: list[str] = []
        with contextlib.suppress(MissingError):
            earlier = run_files.read_manifest(self.path)
            changes = _changes(earlier, manifest)
            manifest["previous"] = [*earlier.pop("previous", []), {**earlier, "results": read_results(self.path)}]
        write_atomically(path, json.dumps(manifest, indent=2) + "\n")
        # A run that goes on has not ended, and must not look so if it is killed.
        (self.path / "results.json").unlink(missing_ok=True)
        return changes

    def write_results(self, results: Mapping[str, Any]) -> None:
        """Write `results.json`: the last thing that a run does."""
        write_atomically(self.path / "results.json", json.dumps(results, indent=2, allow_nan=False) + "\n")


def empty_results(mode: str) -> dict[str, Any]:
    """`results.json` of a run that has done nothing yet: every key of the contract is there."""
    seconds = ("import", "build", "first_step", "train", "data_wait", "checkpoint", "summary", "test", "total")
    return {
        "status": None,
        "mode": mode,
        "step": 0,
        "examples": 0,
        "replicas": None,
        "train": {"loss": None},
        "test": {"loss": None, "accuracy": None, "examples": None},
        "weights_sha256": None,
        "seconds": dict.fromkeys(seconds),
        "time": {"advice": None},
        "traces": 0,
        "trace_list": [],
        "examples_per_second": None,
        "checkpoint": None,
        "error": None,
    }


def read_results(folder: Path) -> dict[str, Any]:
    """`results.json` of a run; empty where the run has not ended, or the file cannot be believed."""
    try:
        return run_files.read_results(folder)
    except UnreadableError:
        return {}


def read_manifest(folder: Path) -> dict[str, Any]:
    """`manifest.json` of a run; empty where the run has not begun, or the file cannot be believed."""
    try:
        return run_files.read_manifest(folder)
    except UnreadableError:
        return {}


def is_completed(folder: Path) -> bool:
    """Whether a run's `results.json` says that nothing is left to do."""
    return read_results(folder).get("status") == "completed"


def config_hash(config: Mapping[str, Any]) -> str:
    """SHA-256 of a configuration as canonical JSON."""
    text = json.dumps(config, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _changes(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What of a manifest's facts about code and machine differs, as `threads 2 (was 4)`."""
    facts = [bearing(manifest) for manifest in (earlier, now)]
    return [f"{name} {facts[1].get(name)} (was {was})" for name, was in facts[0].items() if was != facts[1].get(name)]
