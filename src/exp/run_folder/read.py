"""Reading the files of a run folder with care, because a folder may be somebody else's.

No link is followed, no read waits, and nothing is looked up that a file refers to. A file that is too large, nested too
deeply, or not what a run writes is refused by name. Keys that a later version may add are allowed.
"""

import fnmatch
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from exp.run_folder import names
from exp.run_folder.formats import LoggedStep, StoredManifest, StoredResults
from exp.system.files import NOT_A_FILE, NOT_FOLLOWED
from exp.system.installed import read_freeze
from exp.system.safe_files import (
    MissingError,
    UnreadableError,
    check_content,
    first_problem,
    read_bytes,
    read_lines,
    read_object,
    read_yaml,
    read_yaml_list,
)

LARGEST_PACKAGES = 2**20


def check_places(folder: Path) -> None:
    """Look at everything in a folder that a run would write to.

    Raises:
        UnreadableError: something is a link, which would be written through, or no file.
    """
    for path in sorted(folder.iterdir()):
        if path.name in names.FOLDERS and not path.is_symlink() and path.is_dir():
            for place, folders, files in os.walk(path):
                for name in (*folders, *files):
                    _check_place(Path(place, name), folder_too=True)
        elif path.name in names.FOLDERS or any(
            fnmatch.fnmatchcase(path.name, pattern) for pattern in names.FILE_PATTERNS
        ):
            _check_place(path, folder_too=False)


def _check_place(path: Path, *, folder_too: bool) -> None:
    mode = path.lstat().st_mode
    if not (stat.S_ISREG(mode) or (folder_too and stat.S_ISDIR(mode))):
        raise UnreadableError(f"{path}: {NOT_FOLLOWED if stat.S_ISLNK(mode) else NOT_A_FILE}; move it away")


def read_packages(folder: Path) -> dict[str, str]:
    """`packages.txt` of a run: the version of each installed package; empty if there is none.

    Raises:
        UnreadableError: it cannot be read.
    """
    try:
        return read_freeze(read_bytes(folder / names.FREEZE, most=LARGEST_PACKAGES).decode(errors="replace"))
    except MissingError:
        return {}


def read_results(folder: Path) -> dict[str, Any]:
    """`results.json` of a run.

    Raises:
        UnreadableError: it is not what a run writes; `MissingError` if the run has not ended.
    """
    return _checked(folder / names.RESULTS, StoredResults)


def read_manifest(folder: Path) -> dict[str, Any]:
    """`manifest.json` of a run.

    Raises:
        UnreadableError: it is not what a run writes; `MissingError` if the run has not begun.
    """
    return _checked(folder / names.MANIFEST, StoredManifest)


def results_if_any(folder: Path) -> dict[str, Any]:
    """`results.json` of a run; empty if the run has not ended, or the file cannot be believed."""
    try:
        return read_results(folder)
    except UnreadableError:
        return {}


def manifest_if_any(folder: Path) -> dict[str, Any]:
    """`manifest.json` of a run; empty if the run has not begun, or the file cannot be believed."""
    try:
        return read_manifest(folder)
    except UnreadableError:
        return {}


def is_completed(folder: Path) -> bool:
    """Whether a run's `results.json` says that nothing is left to do."""
    return results_if_any(folder).get("status") == "completed"


def read_config(folder: Path) -> dict[str, Any]:
    """`.hydra/config.yaml` of a run, with each value as it is written there.

    Raises:
        UnreadableError: it is not what a run writes.
    """
    path = folder / names.CONFIG
    if path.parent.is_symlink():
        raise UnreadableError(f"{path.parent}: {NOT_FOLLOWED}")
    return read_yaml(path)


def read_overrides(folder: Path) -> list[str]:
    """`.hydra/overrides.yaml` of a run: what was said on its command line, as Hydra takes it.

    Raises:
        UnreadableError: it is not what a run writes.
    """
    path = folder / names.HYDRA_FOLDER / names.OVERRIDES_YAML
    if path.parent.is_symlink():
        raise UnreadableError(f"{path.parent}: {NOT_FOLLOWED}")
    overrides = read_yaml_list(path)
    if not all(isinstance(override, str) for override in overrides):
        raise UnreadableError(f"{path}: is no list of overrides")
    return overrides


def read_sources(folder: Path) -> dict[str, str]:
    """Who brought the configuration of a run, by `.hydra/hydra.yaml`, and from where: `hydra`, `main`, an option, ...

    Raises:
        UnreadableError: it is not what a run writes.
    """
    path = folder / names.HYDRA_FOLDER / names.HYDRA_YAML
    if path.parent.is_symlink():
        raise UnreadableError(f"{path.parent}: {NOT_FOLLOWED}")
    try:
        tree: Any = read_yaml(path)
    except MissingError:
        return {}
    hydra = tree.get("hydra")
    runtime = hydra.get("runtime") if isinstance(hydra, dict) else None
    sources = runtime.get("config_sources") if isinstance(runtime, dict) else None
    if not isinstance(sources, list) or not all(isinstance(source, dict) for source in sources):
        raise UnreadableError(f"{path}: does not say where the configuration is from")
    return {str(source.get("provider")): str(source.get("path") or "") for source in sources}


def read_losses(folder: Path) -> list[tuple[int, float]]:
    """The logged steps of a run with their training losses; an empty list if nothing was logged.

    Raises:
        UnreadableError: `metrics.jsonl` is not what a run writes.
    """
    return [(row.step, row.loss) for row in _logged(folder) if row.loss is not None]


def read_curve(folder: Path) -> list[tuple[int, dict[str, Any]]]:
    """The logged steps of a run with their figures by tag, such as `train/loss` and `validation/accuracy`.

    Raises:
        UnreadableError: `metrics.jsonl` is not what a run writes.
    """
    rows = []
    for row in _logged(folder):
        figures = {key: value for key, value in (row.model_extra or {}).items() if "/" in key}
        rows.append((row.step, {"train/loss": row.loss, **figures} if "loss" in row.model_fields_set else figures))
    return rows


def _logged(folder: Path) -> Iterator[LoggedStep]:
    path = folder / names.METRICS
    try:
        for number, line in enumerate(read_lines(path), 1):
            if not line.rstrip().endswith(b"}"):
                continue  # a killed process did not finish this line
            try:
                yield LoggedStep.model_validate_json(line)
            except ValidationError as error:
                raise UnreadableError(f"{path}: line {number}: {first_problem(error)}") from error
    except MissingError:
        return


def _checked(path: Path, model: type[BaseModel]) -> dict[str, Any]:
    content = read_object(path)
    check_content(path, content, model)
    return content
