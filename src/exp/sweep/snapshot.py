"""A snapshot of a job's folder before the job starts, which tells new results from old ones without any clock."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from exp.run_folder import names
from exp.system.safe_files import JSON_BYTES, UnreadableError, read_bytes


@dataclass(frozen=True)
class Snapshot:
    """The results and the log that an earlier attempt left in a job's folder."""

    results: str | None = None
    """SHA-256 of `results.json`; None if there was none."""
    log_bytes: int = 0
    """Length of `run.log` in bytes."""


def snapshot(folder: Path) -> Snapshot:
    """Take a snapshot of a folder as it is now."""
    return Snapshot(_digest(folder / names.RESULTS), _length(folder / names.LOG))


def has_new_results(folder: Path, since: Snapshot) -> bool:
    """Whether the folder has results that were written after the snapshot `since`."""
    digest = _digest(folder / names.RESULTS)
    return digest is not None and digest != since.results


def has_logged(folder: Path, since: Snapshot) -> bool:
    """Whether the run's log has grown after the snapshot `since`."""
    return _length(folder / names.LOG) > since.log_bytes


def _digest(path: Path) -> str | None:
    try:
        return hashlib.sha256(read_bytes(path, most=JSON_BYTES)).hexdigest()
    except (OSError, UnreadableError):
        return None


def _length(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
