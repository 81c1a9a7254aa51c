"""A folder for a new run: one that nobody else has, or one that holds no run yet."""

import contextlib
import fnmatch
import os
from pathlib import Path

from exp.errors import UserError
from exp.run_folder.names import LOG_PATTERNS


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
        wanted.parent.mkdir(parents=True, exist_ok=True)
        while True:
            path = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
            with contextlib.suppress(FileExistsError):
                path.mkdir()  # fails if it exists: that makes the name ours alone, without a lock
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
