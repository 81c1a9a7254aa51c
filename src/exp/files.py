"""Writing files so that a crash cannot break them."""

import errno
import os
from pathlib import Path

_STORAGE = (errno.ENOSPC, errno.EROFS, errno.EFBIG, errno.EDQUOT, errno.EIO, errno.EACCES, errno.EPERM)


def write_atomically(path: Path, text: str, *, durable: bool = True) -> None:
    """Replace a file as a whole: whoever reads it finds the old text or the new one.

    Args:
        path: the file.
        text: its new content.
        durable: also after a power cut, which costs a wait for the disk.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def is_folder(path: Path) -> bool:
    """Whether there is such a folder; no name is too long to ask."""
    try:
        return path.is_dir()
    except OSError:
        return False


def is_file(path: Path) -> bool:
    """Whether there is such a file; no name is too long to ask."""
    try:
        return path.is_file()
    except OSError:
        return False


def sync(path: Path) -> None:
    """Have the system write a file, or the names in a folder, to the disk."""
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot open folders
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def storage_problem(error: BaseException) -> str | None:
    """What an error says about a disk that is full, read-only or broken; None if it is about something else."""
    cause: BaseException | None = error
    while cause is not None:
        reasons = [os.strerror(number) for number in _STORAGE]
        if any(reason in str(cause) for reason in reasons):
            # The outermost error knows best which file it was about.
            text = str(error) if any(reason in str(error) for reason in reasons) else f"{error} ({cause})"
            return text.splitlines()[0]
        cause = cause.__cause__
    return None
