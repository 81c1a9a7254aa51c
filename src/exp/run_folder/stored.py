"""A run that was begun, as its folder has it: to be tested, resumed, exported or reproduced."""

import contextlib
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from exp.config import Config, parse
from exp.config.choices import LOGGER, read_choices
from exp.config.flat import flat
from exp.config.loggers import DEFAULT
from exp.config.migrations import with_later_keys
from exp.config.schema import REQUEST_KEYS
from exp.config.targets import NotTrustedError
from exp.errors import UserError, excerpt
from exp.run_folder import names
from exp.run_folder import read as run_files
from exp.system.files import is_folder, open_regular
from exp.system.project import other_project_around
from exp.system.safe_files import MissingError

GROUPS = ("model", "data", "task", "exec", "device", "optimizer", "schedule", "train", "checkpoint", "summary")
"""Groups that every run's configuration has."""


def folder_of_run(key: str, value: Any) -> Path:
    """The folder of a run that has begun.

    Args:
        key: the key by which the user gave the folder.
        value: the folder.

    Raises:
        UserError: there is no such folder, or it is not that of a run.
    """
    folder = Path(str(value))
    if not is_folder(folder):
        raise UserError(f"{key}={excerpt(value)}: there is no such folder")
    if not os.path.lexists(folder / names.CONFIG):
        raise UserError(f"{key}={value}: is not the folder of a run (it has no {names.CONFIG})")
    return folder


def folder_to_resume(value: Any) -> Path:
    """The folder of a run in which everything can be written, and what is carried on can be read.

    Raises:
        UserError: something in it cannot.
    """
    folder = folder_of_run("resume", value)
    run_files.check_places(folder)
    with contextlib.suppress(MissingError):
        run_files.read_manifest(folder)
    check_log(folder)
    return folder


def check_log(folder: Path) -> None:
    """Make sure that a run can write its log, before anything else is done.

    Raises:
        UserError: it cannot.
    """
    path = folder / names.LOG
    try:
        os.close(open_regular(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND))
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from error


def stored_choices(folder: Path) -> dict[str, str]:
    """The choices that a run was begun with, by group; empty if its manifest has none.

    Raises:
        UserError: the manifest cannot be read.
    """
    try:
        return read_choices(run_files.read_manifest(folder).get("choices"))
    except MissingError:
        return {}


def stored_loggers(folder: Path) -> Any:
    """Where a run logs, as its folder says. It is for whoever goes on with the run, and knows whom to trust.

    Raises:
        UserError: the configuration cannot be read.
    """
    return run_files.read_config(folder).get(LOGGER, dict(DEFAULT))


def stored_config(key: str, value: Any) -> dict[str, Any]:
    """The configuration of a run that was begun, as plain data, with the loggers that write the folder alone.

    Args:
        key: the key by which the user gave the folder.
        value: the folder.

    Raises:
        UserError: it is not that of a run, or its configuration cannot be read.
    """
    folder = folder_of_run(key, value)
    path = folder / names.CONFIG
    written = {name: node for name, node in run_files.read_config(folder).items() if name not in REQUEST_KEYS}
    stored = {**with_later_keys(written), LOGGER: dict(DEFAULT)}
    for name in GROUPS:
        if not isinstance(stored.get(name), dict):
            raise UserError(f"{path}: {name} is not a group of keys")
    for name, node in flat(stored).items():
        if "${" in str(node):
            raise UserError(
                f"{path}: {name} is {str(node)[:60]}; a stored configuration has values, and refers to none"
            )
    return stored


def parse_stored(folder: Path, tree: dict[str, Any], *, trusted: Sequence[str]) -> Config:
    """Parse the configuration of a run that was begun.

    Args:
        folder: of the run.
        tree: the configuration, as it shall be now.
        trusted: prefixes of code that it may name besides `exp`'s own.

    Raises:
        UserError: something is wrong with it; if it names code that is not trusted, and the run lies in a project of
            its own, with that project's folder.
    """
    try:
        return parse(tree, trusted=trusted)
    except NotTrustedError as error:
        home = other_project_around(folder)
        if home is None:
            raise
        raise UserError(f"{error}; or stand in the run's own project: cd {shlex.quote(str(home))}") from error
