"""The folder for what can be deleted at any time, and is made again when it is needed."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """`exp` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "exp"
