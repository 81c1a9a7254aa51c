"""A lock on a folder, which ends with the process that has it."""

import contextlib
import errno
import os
from pathlib import Path
from typing import IO

from exp.errors import UserError


class Lock:
    """A lock file, held by this process. The system gives the lock back when the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        """Take it.

        Raises:
            UserError: another process has it, or the folder cannot be written.
        """
        self._path = path
        try:
            self._file = path.open("a+")
        except OSError as error:
            raise UserError(f"{path.parent}: cannot be written ({error.strerror})") from error
        try:
            _lock(self._file)
            # The one who had the lock may have removed the file meanwhile: then this is a lock on nothing.
            if not path.exists() or path.stat().st_ino != os.fstat(self._file.fileno()).st_ino:
                raise BlockingIOError
        except OSError as error:
            self._file.close()
            raise UserError(f"{path.parent}: another process is running in this folder") from error

    def close(self) -> None:
        """Give it back, and remove the file."""
        with contextlib.suppress(OSError):  # of a disk that cannot be written to any more
            self._path.unlink(missing_ok=True)
        self._file.close()


def is_locked(path: Path) -> bool:
    """Whether a process holds a lock file."""
    try:
        with path.open("r+") as file:
            _lock(file)
    except OSError as error:
        return error.errno in (errno.EWOULDBLOCK, errno.EACCES) and path.is_file()
    return False


def _lock(file: IO[str]) -> None:
    """Raise an OSError if another process has it."""
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
