"""Where the configuration lies that comes with `exp`."""

from pathlib import Path

from exp.system.project import project

VERSION_BASE = "1.3"
"""Pins Hydra's defaults; among others, a run keeps the working directory that it was started from."""
_PACKAGE = Path(__file__).resolve().parents[1]


def conf_folder() -> Path:
    """The folder of the configuration groups: inside of an installed package, and beside `src/` in the repository."""
    installed = _PACKAGE / "conf"
    return installed if installed.is_dir() else _PACKAGE.parents[1] / "conf"


def conf_folders(conf: Path) -> list[Path]:
    """The folders of configuration that need no option: ours, and that of the project, if there is one."""
    own = project()
    return [conf, *([own.conf] if own else [])]
