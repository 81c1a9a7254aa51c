"""What lay in a job's folder before it was started: so what comes of it is told apart, whatever the clock does."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from exp.run_folder import names
from exp.system.safe_files import JSON_BYTES, UnreadableError, read_bytes


@dataclass(frozen=True)
class Before:
    """What an earlier attempt has left."""

    results: str | None = None
    """SHA-256 of `results.json`; None where there was none."""
    log_bytes: int = 0
    """The length of `run.log`."""


def before(folder: Path) -> Before:
    """What lies in a folder now."""
    return Before(_digest(folder / names.RESULTS), _length(folder / names.LOG))


def has_new_results(folder: Path, since: Before) -> bool:
    """Whether the folder's results are not those of before."""
    digest = _digest(folder / names.RESULTS)
    return digest is not None and digest != since.results


def has_logged(folder: Path, since: Before) -> bool:
    """Whether the run's log has grown."""
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
