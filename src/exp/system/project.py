"""A project of the user's own: the folder whose `pyproject.toml` has a table `[tool.exp]`."""

import keyword
import os
import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from exp.errors import UserError
from exp.system import markers

SETTINGS = "pyproject.toml"
VARIABLE = "EXP_PROJECT"
"""Names the folder of a project that belongs to another user, and is to be believed."""
LARGEST = 2**20
"""Bytes of a settings file; a larger one is none of ours."""
_TABLE = b"[tool.exp]"
ROOT = "config"
"""The configuration in which a project changes defaults."""
_OURS = ("hydra_settings", "hydra_sweeps", "project")
"""Configurations of `exp` beside its groups, which a project cannot replace."""


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

    Its folder is put on Python's path, at the end: its code is found without `PYTHONPATH`, and shadows no other.

    Raises:
        UserError: its settings are wrong, or are not this user's.
    """
    try:
        here = Path.cwd()
    except FileNotFoundError:
        raise UserError("the working directory is gone; change to another one") from None
    for folder in (here, *here.parents):
        found = _read(folder)
        if found is not None:
            if str(folder) not in sys.path:
                sys.path.append(str(folder))
            return found
    return None


def trusted_by_project() -> list[str]:
    """The prefixes that the project trusts; empty without a project."""
    found = project()
    return list(found.trusted) if found else []


def other_project_around(folder: Path) -> Path | None:
    """The folder of the nearest project that a run's folder lies in, unless it is the one that one stands in."""
    around = next((place for place in folder.absolute().parents if _settings(place) is not None), None)
    here = project()
    return None if around is None or (here is not None and here.folder == around) else around


def _settings(folder: Path) -> bytes | None:
    """The file that makes a folder a project; None if it is none."""
    path = folder / SETTINGS
    # A folder of a run or a sweep may come from a stranger, and is no project.
    if not path.is_file() or any(os.path.lexists(folder / name) for name in markers.ALL):
        return None
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError:  # whose it is, and why, is not for us to say
        return None
    return content if _TABLE in content.replace(b" ", b"") else None


def _read(folder: Path) -> Project | None:
    path, content = folder / SETTINGS, _settings(folder)
    if content is None:
        return None
    _check_owner(path)
    try:
        if len(content) > LARGEST:
            raise ValueError("is larger than 1 MiB")
        tool: Any = tomllib.loads(content.decode("utf-8-sig")).get("tool", {})
    except ValueError as error:
        raise UserError(f"{path}: cannot be read as TOML ({error})") from None
    table = tool.get("exp") if isinstance(tool, dict) else None
    if table is None:
        return None
    trusted = table.get("trusted") if isinstance(table, dict) else None
    if not isinstance(trusted, list) or not all(isinstance(prefix, str) and is_prefix(prefix) for prefix in trusted):
        raise UserError(f'{path}: [tool.exp] trusted: must be a list of packages, such as trusted = ["{folder.name}."]')
    unknown = [key for key in table if key != "trusted"]
    if unknown:
        raise UserError(f"{path}: [tool.exp] {unknown[0]}: is no such key; there is trusted")
    _check_conf(folder / "conf")
    return Project(folder, tuple(trusted))


def _check_owner(path: Path) -> None:
    """Refuse settings that another user may write: a project runs code.

    Raises:
        UserError: they are neither this user's nor root's.
    """
    if not hasattr(os, "geteuid") or path.stat().st_uid in (os.geteuid(), 0):
        return
    if os.environ.get(VARIABLE) != str(path.parent):
        raise UserError(
            f"{path}: belongs to another user, and a project runs its own code; if you trust it, set "
            f"{VARIABLE}={path.parent}"
        )


def _check_conf(conf: Path) -> None:
    """Refuse a folder whose configuration would be passed over without a word.

    Raises:
        UserError: naming what is in its place.
    """
    if not conf.is_dir():
        raise UserError(f"{conf}: must be a folder, the configuration of the project")
    root = conf / f"{ROOT}.yaml"
    if os.path.lexists(root) and not root.is_file():
        raise UserError(f"{root}: must be a file")
    for name in _OURS:
        if os.path.lexists(conf / f"{name}.yaml"):
            raise UserError(
                f"{conf / name}.yaml: is a name that exp itself has; a project's defaults are in config.yaml"
            )


def is_prefix(text: str) -> bool:
    """Whether this is a package that could be somebody's own, with a dot at its end."""
    name, dot, rest = text.partition(".")
    parts = [name, *rest.removesuffix(".").split(".")] if rest else [name]
    return (
        bool(dot)
        and text.endswith(".")
        and all(part.isidentifier() and not part.startswith("_") and not keyword.iskeyword(part) for part in parts)
        and name not in (*sys.stdlib_module_names, "exp", "hydra_plugins")
    )
