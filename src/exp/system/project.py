"""A project of the user's own: the folder whose `pyproject.toml` has a table `[tool.exp]`."""

import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from exp.errors import UserError

SETTINGS = "pyproject.toml"
LARGEST = 2**20
"""Bytes of a settings file; a larger one is none of ours."""


@dataclass(frozen=True)
class Project:
    """What `[tool.exp]` says."""

    folder: Path
    trusted: tuple[str, ...]
    """Prefixes of the names of the project's own code, which its configuration may name."""

    @property
    def conf(self) -> Path:
        """The project's own configuration groups, which are laid over those of `exp`."""
        return self.folder / "conf"


@cache
def project() -> Project | None:
    """The project that the working directory lies in: the nearest one, found once a process; None if there is none.

    Its folder is put on Python's path, so that its code is found without `PYTHONPATH`.

    Raises:
        UserError: its settings are wrong.
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        found = _read(folder)
        if found is not None:
            if str(folder) not in sys.path:
                sys.path.insert(0, str(folder))
            return found
    return None


def trusted_by_project() -> list[str]:
    """The prefixes that the project trusts; empty without a project."""
    found = project()
    return list(found.trusted) if found else []


def _read(folder: Path) -> Project | None:
    path = folder / SETTINGS
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:
            return None
        tool: Any = tomllib.loads(path.read_text()).get("tool", {})
    except (OSError, ValueError):  # whose it is, and what is wrong with it, is not for us to say
        return None
    table = tool.get("exp") if isinstance(tool, dict) else None
    if table is None:
        return None
    trusted = table.get("trusted") if isinstance(table, dict) else None
    if not isinstance(trusted, list) or not all(isinstance(prefix, str) and is_prefix(prefix) for prefix in trusted):
        raise UserError(f'{path}: [tool.exp] trusted: must be a list of packages, such as trusted = ["{folder.name}."]')
    unknown = [key for key in table if key != "trusted"]
    if unknown:
        raise UserError(f"{path}: [tool.exp] {unknown[0]}: is no such key; there is trusted")
    return Project(folder, tuple(trusted))


def is_prefix(text: str) -> bool:
    """Whether this is a package of somebody's own, with a dot at its end."""
    name, dot, rest = text.partition(".")
    parts = [name, *rest.removesuffix(".").split(".")] if rest else [name]
    return (
        bool(dot)
        and text.endswith(".")
        and all(part.isidentifier() for part in parts)
        and name not in (*sys.stdlib_module_names, "exp")
    )
