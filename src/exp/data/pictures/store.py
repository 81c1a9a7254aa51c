"""The folder for what is made once and used by many runs: verdicts on files, decoded pictures, drawn and unpacked ones.

Everything in it can be deleted at any time, and is made again when it is needed.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from exp.errors import UserError


def cache_folder(wanted: str | None) -> Path:
    """`data.cache_dir`, or `exp` in the user's cache folder."""
    if wanted is not None:
        return Path(wanted)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "exp"


def made_once(path: Path, make: Callable[[Path], None]) -> Path:
    """A file or folder that is either there as a whole or not at all.

    Args:
        path: where it belongs.
        make: writes it to the path that it is given, which does not exist yet.

    Raises:
        UserError: nothing can be written there.
    """
    if path.exists():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
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


def _not_writable(folder: Path, error: OSError) -> UserError:
    return UserError(f"{folder}: cannot be written ({error.strerror or error}); name another place with data.cache_dir")
