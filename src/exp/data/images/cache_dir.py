"""The folder for what is made once and used by many runs: checks of files, decoded pictures, drawn and unpacked ones.

Everything in it can be deleted at any time, and is made again when it is needed.
"""

import glob
import logging
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from exp.errors import UserError
from exp.system.cache_folder import cache_folder as system_cache_folder
from exp.system.lock import Lock, is_locked
from exp.system.signals import check_current

log = logging.getLogger("exp")

SECONDS_BETWEEN_LOOKS = 0.2


def cache_folder(wanted: str | None) -> Path:
    """`data.cache_dir`, or that of this program."""
    return Path(wanted) if wanted is not None else system_cache_folder()


def made_once(path: Path, make: Callable[[Path], None]) -> Path:
    """A file or folder that is either there as a whole or not at all; one process makes it, and others wait for that.

    Args:
        path: the place of the file or folder.
        make: writes it to the path that it is given, which does not exist yet.

    Raises:
        UserError: nothing can be written there.
    """
    if path.exists():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_writable(path.parent, error) from error
    lock = _alone(path)
    try:
        if lock is not None:
            for left in path.parent.glob(f"{glob.escape(_prefix(path))}????????"):  # by a process that was killed
                shutil.rmtree(left, ignore_errors=True)
        return path if path.exists() else _made(path, make)
    finally:
        if lock is not None:
            lock.close()


def _made(path: Path, make: Callable[[Path], None]) -> Path:
    try:
        place = Path(tempfile.mkdtemp(prefix=_prefix(path), dir=path.parent))
    except OSError as error:
        raise _not_writable(path.parent, error) from error
    try:
        make(place / "new")
        if not path.exists():  # another process may have been quicker: its work is as good
            (place / "new").rename(path)
    except OSError as error:
        if not path.exists():
            raise _not_writable(path.parent, error) from error
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return path


def _alone(path: Path) -> Lock | None:
    """The right to make what belongs at a path, once no other process makes it; None if nothing can be locked."""
    place = path.with_name(f".{path.name}.lock")
    told = False
    while True:
        try:
            return Lock(place)
        except UserError:
            if not is_locked(place):
                return None
        if not told:
            told = True
            log.info("%s: another process makes it; waiting", path)
        check_current()
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _prefix(path: Path) -> str:
    return f".{path.name}."


def _not_writable(folder: Path, error: OSError) -> UserError:
    return UserError(f"{folder}: cannot be written ({error.strerror or error}); name another place with data.cache_dir")
