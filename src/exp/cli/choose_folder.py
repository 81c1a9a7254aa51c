"""Choosing the folder of a run or of a sweep: a new one, or one that the command line names and that is free."""

from pathlib import Path
from typing import Any

from exp.errors import UserError, excerpt
from exp.run_folder import names
from exp.run_folder import read as run_files
from exp.run_folder.new import first_missing, is_of_refused_run, new_folder
from exp.run_folder.stored import check_log
from exp.system.lock import is_locked
from exp.terminal import commands


def choose_run_folder(wanted: Any, *, given: bool, label: str) -> tuple[Path, Path | None]:
    """Make the folder of a new run.

    Returns:
        The folder, and the topmost folder that was made for it; None if none was.

    Args:
        wanted: the value of `hydra.run.dir`.
        given: whether the command line names the folder; if not, the label is added to its name.
        label: a short name for the run.

    Raises:
        UserError: the folder cannot be made, or is not free. Nothing was written then.
    """
    folder = inside("hydra.run.dir", wanted)
    if not given:
        above = first_missing(folder.parent)
        made = new_folder(folder.with_name(f"{folder.name}_{label}"))
        return made, above or made
    above = first_missing(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = is_of_refused_run(folder)
    except OSError as error:
        raise UserError(f"hydra.run.dir={folder}: cannot be made ({error.strerror})") from error
    if not free:
        begun = (folder / names.CONFIG).is_file()
        way_on = f", or {commands.override('resume', folder)}" if begun else ""
        raise UserError(f"hydra.run.dir={folder}: is not empty; take another folder{way_on}")
    if is_locked(folder / names.LOCK):
        raise UserError(f"hydra.run.dir={folder}: another process is running in this folder")
    check_log(folder)
    return folder, above


def choose_sweep_folder(wanted: Any, *, given: bool) -> Path:
    """Make the folder of a sweep; one that the command line names may exist, and the sweep in it is resumed.

    Args:
        wanted: the value of `hydra.sweep.dir`.
        given: whether the command line names the folder.

    Raises:
        UserError: the folder cannot be made, or leads out of its place.
    """
    folder = inside("hydra.sweep.dir", wanted)
    if any((place / names.MANIFEST).exists() for place in (folder, *folder.parents)):
        raise UserError(f"hydra.sweep.dir={folder}: is the folder of a run, or in one")
    if not given:
        return new_folder(folder, key="hydra.sweep.dir")
    if folder.is_dir():  # a sweep to resume: its jobs write in their folders
        for place in (folder, *(job for job in folder.iterdir() if job.is_dir())):
            run_files.check_places(place)
    return folder


def inside(key: str, folder: Any) -> Path:
    """A folder that does not lead out of its place.

    Raises:
        UserError: it does, or no folder can have that name.
    """
    path = Path(str(folder))
    if path == Path():
        raise UserError(f"{key}={folder}: must name a folder")
    if ".." in path.parts:
        raise UserError(f"{key}={excerpt(path)}: must not lead out of its place with '..'")
    try:
        path.exists()
    except (OSError, ValueError) as error:  # a name that no file can have: too long, or with a NUL
        raise UserError(f"{key}={excerpt(path)}: cannot be a folder ({getattr(error, 'strerror', error)})") from error
    return path
