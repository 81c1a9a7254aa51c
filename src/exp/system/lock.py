"""A lock on a folder, which ends with the process that has it.

The system's own lock (`flock`) protects where the file system has one: the system gives it back when the process
ends, however it ends. Some network file systems have none. There the lock file itself protects: it can be made only
once, and names its owner. It is taken over if that process has ended on this machine, or ran on another machine and
nothing in the folder has changed for a quarter of an hour.
"""

import contextlib
import errno
import os
import platform
from collections.abc import Iterator
from pathlib import Path

from exp.errors import UserError
from exp.system.files import open_regular
from exp.system.lock_owner import Owner, changed_lately, read_owner, this_process, write_owner

_HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
"""What the system says where another process has the lock. Anything else means that there are no locks."""


class Lock:
    """A lock file, held by this process."""

    def __init__(self, path: Path) -> None:
        """Take it.

        Raises:
            UserError: another process has it, or the folder cannot be written.
        """
        self._path = path
        self.note: str | None = None
        """A sentence for the person if the lock file protects the folder instead of the system's own lock."""
        try:
            with _ending_in_refusal(path):
                self._descriptor, made = _open(path)
                try:
                    refused = _lock(self._descriptor)
                    self._own(made=made, refused=refused)
                except BaseException:
                    os.close(self._descriptor)
                    raise
        except _Held as error:
            raise UserError(f"{path.parent}: {error}") from error

    def _own(self, *, made: bool, refused: str | None) -> None:
        """Make sure that nobody else is the owner, and note that this process is.

        Args:
            made: this process has just made the file.
            refused: why the system has no lock here.
        """
        owner = None if made else read_owner(self._descriptor)
        # The one who had the lock may have removed the file meanwhile: then this is a lock on nothing.
        if not _is_at(self._path, self._descriptor):
            raise _Held
        if refused is not None:
            self._take_over(made=made, owner=owner)
            self.note = (
                f"{self._path.parent}: this file system has no locks ({refused}); {self._path.name} names this "
                "process, and that protects the folder"
            )
        elif owner is not None and owner.by_file and owner.is_alive(self._path.parent):
            raise _Held(owner, self._path)
        write_owner(self._descriptor, this_process(by_file=refused is not None))

    def _take_over(self, *, made: bool, owner: Owner | None) -> None:
        """Replace the lock file of an owner that is gone; if several processes try, one of them succeeds."""
        if made:
            return
        # A file that names nobody may be of a process that is just writing its name.
        alive = owner.is_alive(self._path.parent) if owner else changed_lately(self._path)
        if alive:
            raise _Held(owner, self._path)
        aside = self._path.with_name(f"{self._path.name}.{platform.node()}.{os.getpid()}")
        try:
            os.rename(self._path, aside)  # noqa: PTH104
        except FileNotFoundError as error:  # somebody else is just doing the same
            raise _Held from error
        taken = _is_at(aside, self._descriptor)
        if not taken:  # somebody else was quicker, and this is that lock
            os.rename(aside, self._path)  # noqa: PTH104
            raise _Held
        aside.unlink(missing_ok=True)
        new = open_regular(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        os.close(self._descriptor)
        self._descriptor = new

    def close(self) -> None:
        """Give it back, and remove the file."""
        with contextlib.suppress(OSError):  # of a disk that cannot be written to any more
            if _is_at(self._path, self._descriptor):
                self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def is_locked(path: Path) -> bool:
    """Whether a process holds a lock file."""
    try:
        descriptor = open_regular(path, os.O_RDWR)
    except OSError:
        return False  # whoever takes the lock is told what is wrong
    try:
        refused = _lock(descriptor)
        owner = read_owner(descriptor)
    except _Held:
        return path.is_file()
    finally:
        os.close(descriptor)
    if refused is not None and owner is None:
        return changed_lately(path)
    return owner is not None and (refused is not None or owner.by_file) and owner.is_alive(path.parent)


class _Held(Exception):  # noqa: N818
    """Another process has the lock."""

    def __init__(self, owner: Owner | None = None, path: Path | None = None) -> None:
        where = f" (process {owner.pid} on {owner.host})" if owner else ""
        way_out = f"; if it is gone for certain, remove {path}" if path else ""
        super().__init__(f"another process is running in this folder{where}{way_out}")


@contextlib.contextmanager
def _ending_in_refusal(path: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:  # made by another process at the same moment
        raise _Held from error
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from error


def _open(path: Path) -> tuple[int, bool]:
    """The lock file, and whether it was made by this."""
    try:
        return open_regular(path, os.O_RDWR | os.O_CREAT | os.O_EXCL), True
    except FileExistsError:
        return open_regular(path, os.O_RDWR), False


def _lock(descriptor: int) -> str | None:
    """Take the system's lock; if the file system has none, return the reason.

    Raises:
        _Held: another process has it.
    """
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD:
            raise _Held from error
        return error.strerror or str(error)
    return None


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether a path names the file that is open."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False
