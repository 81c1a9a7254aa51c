"""Where the configuration lies that comes with `exp`."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def conf_folder() -> Path:
    """The folder of the configuration groups: inside of an installed package, and beside `src/` in the repository."""
    installed = _PACKAGE / "conf"
    return installed if installed.is_dir() else _PACKAGE.parents[1] / "conf"
