"""Who has a lock: the process that a lock file names, and whether it must be thought to run."""

import contextlib
import json
import os
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path

RECENT_SECONDS = 15 * 60.0
"""Seconds without a write after which the folder of a process on another machine counts as abandoned."""
_OWNER_BYTES = 4096


@dataclass(frozen=True)
class Owner:
    """The process that a lock file names."""

    host: str
    pid: int
    started: str
    """When the process began, as the system tells it: numbers of processes are used again."""
    by_file: bool = False
    """Whether the file itself is the lock, because there was no other."""

    def is_alive(self, folder: Path) -> bool:
        """Whether it must be thought to run, by what can be seen from here."""
        if self.host == platform.node():
            return _is_running(self.pid, self.started)
        return changed_lately(folder)


def read_owner(descriptor: int) -> Owner | None:
    """The process that a file names; None if it names none."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    try:
        content = json.loads(os.read(descriptor, _OWNER_BYTES))
        return Owner(str(content["host"]), int(content["pid"]), str(content["started"]), content["by_file"] is True)
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None


def write_owner(descriptor: int, owner: Owner) -> None:
    """Have a file name a process."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.truncate(descriptor, 0)
    os.write(descriptor, json.dumps(asdict(owner)).encode())


def this_process(*, by_file: bool) -> Owner:
    """The one that runs here."""
    return Owner(platform.node(), os.getpid(), _start_of(os.getpid()) or "", by_file)


def _is_running(pid: int, started: str) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        pass  # it is another user's
    now = _start_of(pid)
    return now is None or not started or now == started


def _start_of(pid: int) -> str | None:
    """The time at which a process began, in the system's own count; None if the system does not tell."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError, ValueError):
        return None


def changed_lately(place: Path) -> bool:
    """Whether a file, or anything in a folder, was written a short while ago."""
    paths = [place, *(place.iterdir() if place.is_dir() else ()), *(place / "checkpoints").glob("*")]
    newest = 0.0
    for path in paths:
        with contextlib.suppress(OSError):
            newest = max(newest, path.lstat().st_mtime)
    return time.time() - newest < RECENT_SECONDS
