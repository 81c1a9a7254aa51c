"""Opening and writing files so that a crash cannot break them, and nobody's link leads elsewhere."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

_STORAGE = (errno.ENOSPC, errno.EROFS, errno.EFBIG, errno.EDQUOT, errno.EIO, errno.EACCES, errno.EPERM)
_CAREFULLY = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
NOT_FOLLOWED = "is a link, and links are not followed"
NOT_A_FILE = "is not a file"


def open_regular(path: Path, flags: int) -> int:
    """Open what is a file itself: no link to one, no pipe that would wait for a writer, no device.

    Args:
        path: the file. Links among the folders that lead to it are followed.
        flags: as of `os.open`.

    Returns:
        The descriptor.

    Raises:
        OSError: it is something else, or cannot be opened.
    """
    with contextlib.suppress(FileNotFoundError):
        _check_kind(path, os.lstat(path).st_mode)
    descriptor = os.open(path, flags | _CAREFULLY, 0o666)
    try:
        _check_kind(path, os.fstat(descriptor).st_mode)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _check_kind(path: Path, mode: int) -> None:
    if stat.S_ISLNK(mode):
        raise OSError(errno.ELOOP, NOT_FOLLOWED, str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, NOT_A_FILE, str(path))


def append_line(path: Path, line: bytes) -> None:
    """Add a line to a file in one write, because several processes may do so at once; no link is followed.

    Raises:
        OSError: it cannot be written.
    """
    descriptor = open_regular(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        os.write(descriptor, line + b"\n")
    finally:
        os.close(descriptor)


def write_atomically(path: Path, content: str | bytes, *, durable: bool = True) -> None:
    """Replace a file as a whole: whoever reads it finds the old text or the new one. A link is replaced itself.

    Args:
        path: the file.
        content: what it will hold; text is written as UTF-8.
        durable: also after a power cut, which costs a wait for the disk.

    Raises:
        OSError: it cannot be written; names the file.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.unlink(missing_ok=True)  # of a process that was killed, or a link that somebody has laid
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CAREFULLY, 0o666)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise _about(error, path) from error


def _about(error: OSError, path: Path) -> OSError:
    """The same error, about a file."""
    return OSError(error.errno, error.strerror, str(path))


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Have errors about a file name it: what fails after it was opened does not."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise _about(error, path) from error


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
        with naming(path):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def storage_problem(error: BaseException) -> str | None:
    """A sentence for an error that comes from a full, read-only or broken disk; None for any other error."""
    cause: BaseException | None = error
    while cause is not None:
        reasons = [os.strerror(number) for number in _STORAGE]
        if any(reason in str(cause) for reason in reasons):
            # The outermost error knows best which file it was about.
            text = _sentence(error)
            return text if any(reason in text for reason in reasons) else f"{text} ({_sentence(cause)})"
        cause = cause.__cause__
    return None


def _sentence(error: BaseException) -> str:
    """The first line of an error; of the system's own, the file and the reason."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    return (str(error).splitlines() or [type(error).__name__])[0]


def from_here(path: Path) -> Path:
    """An absolute path as a person would write it: from the current folder if it is below that, else in full."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
