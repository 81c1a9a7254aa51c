"""A folder for a new run: one that nobody else has, or one that holds no run yet."""

import contextlib
import fnmatch
import os
from pathlib import Path

from exp.errors import UserError
from exp.run_folder.names import LOCK, LOG, LOG_PATTERNS
from exp.system.lock import Lock

_TRACEBACK = "Traceback (most recent call last)"


def new_folder(wanted: Path, *, key: str | None = "hydra.run.dir") -> Path:
    """Make a folder that nobody else has: `wanted`, or `wanted-2`, `wanted-3`, ... if it is taken.

    Args:
        wanted: the folder.
        key: the key by which the user can name another folder; None if there is none.

    Raises:
        UserError: no folder can be made there.
    """
    number = 1
    try:
        while True:
            path = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
            with contextlib.suppress(FileExistsError):
                path.mkdir(parents=True)  # fails if it exists: that makes the name ours alone, without a lock
                return path
            number += 1
    except OSError as error:
        raise UserError(f"{f'{key}=' if key else ''}{wanted}: cannot be made ({error.strerror})") from error


def is_of_refused_run(folder: Path) -> bool:
    """Whether a folder is empty, or holds only the logs that remain of a run which was refused before it began."""
    with os.scandir(folder) as entries:
        return all(
            entry.is_file(follow_symlinks=False)
            and any(fnmatch.fnmatchcase(entry.name, pattern) for pattern in LOG_PATTERNS)
            for entry in entries
        )


def first_missing(folder: Path) -> Path | None:
    """The topmost of a folder and those above it that is not there; None if the folder is there."""
    return next((place for place in (*reversed(folder.parents), folder) if not place.exists()), None)


def remove_refused(folder: Path, made: Path | None, *, shown: Path) -> str:
    """Remove the folder of a run that was refused before it began, and those above it that were made for it.

    It stays if its log has the traceback of an error in somebody's code, or if there is more in it than logs.

    Args:
        folder: of the run.
        made: the topmost folder that was made for it; None if that was there before, and then it stays.
        shown: the folder as a person knows it.

    Returns:
        Words for the end of the sentence that says why the run was refused: where the traceback is, if there is one.
    """
    try:
        if _TRACEBACK in (folder / LOG).read_text(errors="replace"):
            return f"; the traceback is in {shown / LOG}"
        if made is None:
            return ""
        lock = Lock(folder / LOCK)  # another process may have found the folder free meanwhile
        try:
            if is_of_refused_run(folder):
                _remove(folder, made)
        finally:
            lock.close()
    except (OSError, UserError):
        pass
    return ""


def _remove(folder: Path, made: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    for place in (folder, *folder.parents):
        place.rmdir()  # fails if it is not empty
        if place == made:
            break
