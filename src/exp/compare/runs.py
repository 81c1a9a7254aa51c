"""Reading run folders: configuration, results and manifest, as flat dicts."""

import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exp.config.choices import read_choices
from exp.config.flat import flat, flat_config
from exp.config.migrations import with_later_keys
from exp.errors import UserError
from exp.run_folder import names
from exp.run_folder import read as run_files
from exp.system.safe_files import MissingError

LARGEST = 1e100


@dataclass(frozen=True)
class Run:
    """A run folder."""

    folder: Path
    config: dict[str, Any]
    """Values by dotted key, such as `data.batch_size`; `model`, `data`, `exec`, ... hold the names of the choices."""
    results: dict[str, Any]
    """`status`, `step`, `train/loss`, `test/accuracy`, `seconds.train` and so on."""
    manifest: dict[str, Any]
    """`manifest.json`, by dotted key."""
    until: float = math.inf
    """The last step that is looked at, if runs are compared on the way."""

    def value(self, key: str) -> Any:
        """The value of a configuration key or a result; None if the run has neither."""
        return self.config.get(key, self.results.get(key))

    @property
    def is_completed(self) -> bool:
        """Whether the run did all that was asked for."""
        return self.results.get("status") == "completed"

    def goal(self, key: str) -> str | None:
        """Whether the best value of a metric is the largest (`max`) or the smallest (`min`); None if unknown."""
        goal = self.manifest.get(f"metrics.{key.partition('/')[2]}")
        return goal if goal in ("max", "min") else None

    @property
    def began(self) -> str:
        """When the run was started, and not when it was resumed last; empty if the folder does not say it."""
        return str((self.first_manifest or {}).get("started") or self.manifest.get("started") or "")

    @property
    def first_manifest(self) -> dict[str, Any] | None:
        """The manifest that a resumed run began with, as it was written; None if the run was never resumed."""
        previous = self.manifest.get("previous")
        return previous[0] if isinstance(previous, list) and previous and isinstance(previous[0], dict) else None

    @property
    def question_sha256(self) -> str | None:
        """The digest of the question of the run's sweep, as the run was begun with it; None if there was none."""
        if self.first_manifest is None:
            found = self.manifest.get("sweep.question_sha256")
        else:
            sweep = self.first_manifest.get("sweep")
            found = sweep.get("question_sha256") if isinstance(sweep, dict) else None
        return str(found) if found else None

    def installed(self) -> dict[str, str]:
        """The version of each installed package; empty if the folder does not tell.

        Raises:
            UserError: they cannot be read.
        """
        return run_files.read_packages(self.folder)

    def losses(self) -> list[tuple[int, float]]:
        """The logged steps with their training losses, as far as these are looked at and can be computed with.

        Raises:
            UserError: they cannot be read.
        """
        losses = run_files.read_losses(self.folder)
        return [(step, loss) for step, loss in losses if step <= self.until and number(loss) is not None]


def find_runs(places: Iterable[Path]) -> tuple[list[Run], list[str]]:
    """Find all runs in some folders and below them, each once, in the order of their folders.

    Returns:
        The runs, and a sentence for each folder of one that cannot be read.

    Raises:
        UserError: a place is no folder, or there is no run in any of them, or none that can be read.
    """
    folders: dict[Path, None] = {}
    places = list(places)
    for place in places:
        if not place.is_dir():
            raise UserError(f"{place}: is not a folder")
        for path, below, files in os.walk(place):
            below.sort()
            if names.MANIFEST in files or names.RESULTS in files:
                below.clear()  # nothing below a run is another run
                folders[Path(path)] = None
    if not folders:
        listed = ", ".join(map(str, places))
        raise UserError(f"{listed}: there is no run in it (a folder with {names.MANIFEST} or {names.RESULTS})")
    runs, problems = [], []
    for folder in folders:
        try:
            runs.append(read_run(folder))
        except UserError as error:
            problems.append(str(error))
    if not runs:
        raise UserError("\n".join(problems))
    return runs, problems


def read_run(folder: Path) -> Run:
    """A run folder; a run that was killed has no results, and the status `unfinished`.

    Raises:
        UserError: this is not the folder of a run, or what is in it is not what a run writes.
    """
    try:
        tree = run_files.read_config(folder)
    except MissingError as error:
        raise UserError(f"{folder}: is not the folder of a run (it has no {names.CONFIG})") from error
    manifest = flat(_or_empty(run_files.read_manifest, folder))
    choices = read_choices(_below(manifest, "choices."))
    config = flat_config(with_later_keys(tree), threads=manifest.get("devices.threads"), choices=choices)
    results = flat(_or_empty(run_files.read_results, folder)) or {"status": "unfinished"}
    for part in ("train", "validation", "test"):
        for key in [key for key in results if key.startswith(f"{part}.")]:
            results[key.replace(".", "/", 1)] = results.pop(key)
    return Run(folder, config, results, manifest)


def _below(manifest: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {key.removeprefix(prefix): value for key, value in manifest.items() if key.startswith(prefix)}


def number(value: Any) -> float | None:
    """A value as a number; None if it is none, or not finite, or so large that nothing can be computed with it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and abs(value) < LARGEST else None


def _or_empty(read: Callable[[Path], dict[str, Any]], folder: Path) -> dict[str, Any]:
    try:
        return read(folder)
    except MissingError:
        return {}
