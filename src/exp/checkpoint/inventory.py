"""The inventory of a folder of checkpoints: which of them can be believed, and why the others cannot."""

import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from exp.checkpoint.bundle import files_of
from exp.checkpoint.record import CheckpointError, Record, read_record, read_record_alone, record_path
from exp.system.files import NOT_FOLLOWED

SAVING = ".saving"
"""The folder that a save writes into, before its files move to their places."""
PASSED_OVER = "passed-over"
"""The folder that checkpoints which do not count are moved to."""


def prefix_of(directory: Path, name: str, step: int) -> Path:
    """What the names of a checkpoint's files begin with."""
    return directory / f"{name}-{step}"


def steps_in(directory: Path, name: str) -> list[int]:
    """The steps that the names of files in a folder of checkpoints hold, newest first.

    Raises:
        CheckpointError: the folder is a link.
    """
    if directory.is_symlink():
        raise CheckpointError(f"{directory}: {NOT_FOLLOWED}")
    pattern = re.compile(rf"{re.escape(name)}-([0-9]+)\.(?:json|index|data-.*)")
    names = [path.name for path in directory.iterdir()] if directory.is_dir() else []
    return sorted({int(match[1]) for match in map(pattern.fullmatch, names) if match}, reverse=True)


@dataclass(frozen=True)
class Inventory:
    """What a folder of checkpoints holds."""

    verified: dict[int, Record]
    """The records of the checkpoints that can be believed, by step, newest first."""
    problems: dict[int, str]
    """Why each of the other checkpoints does not count, by step."""


def take_inventory(directory: Path, name: str, *, run: str | None = None) -> Inventory:
    """Verify every checkpoint in a folder; with `run`, those that another run wrote do not count."""
    verified, problems = {}, {}
    for step in steps_in(directory, name):
        try:
            record = read_record(prefix_of(directory, name, step))
            if run is None or record.run == run:
                verified[step] = record
            else:
                problems[step] = f"{name}-{step}: was saved by another run"
        except CheckpointError as error:
            cut_off = is_unfinished(prefix_of(directory, name, step))
            problems[step] = f"{name}-{step}: was being saved when the run ended" if cut_off else str(error)
    return Inventory(verified, problems)


def set_aside(directory: Path, name: str, steps: Mapping[int, str]) -> None:
    """Free the numbers of checkpoints that do not count: their files move to `passed-over/`, and nothing is lost."""
    if (directory / SAVING).exists():
        shutil.rmtree(directory / SAVING)
    for step in steps:
        aside = directory / PASSED_OVER / f"{name}-{step}-{time.time_ns()}"
        aside.mkdir(parents=True)
        prefix = prefix_of(directory, name, step)
        for path in [*files_of(prefix), record_path(prefix)]:
            if path.exists():
                path.rename(aside / path.name)


def newest_to_resume(directory: Path, name: str, *, run: str | None = None) -> Inventory:
    """The inventory of a folder that holds a checkpoint to resume from; with `run`, one that this run wrote.

    Raises:
        CheckpointError: there is none; why each does not count is in the message.
    """
    found = take_inventory(directory, name, run=run)
    if not found.verified:
        reasons = "".join(f"\n  {problem}" for problem in found.problems.values())
        raise CheckpointError(
            f"{directory}: holds no checkpoint {name}-STEP to go on from; start that run anew{reasons}"
        )
    return found


def newest_to_test(directory: Path, name: str, *, run: str | None = None) -> Path:
    """The prefix of the newest checkpoint; one that was being saved when the run ended does not count.

    With `run`, checkpoints of other runs do not count. One that cannot be read counts: restoring it says what is wrong.

    Raises:
        CheckpointError: there is none.
    """
    for step in steps_in(directory, name):
        prefix = prefix_of(directory, name, step)
        finished = record_path(prefix).exists() or not is_unfinished(prefix)
        if finished and not (run is not None and _is_foreign(prefix, run)):
            return prefix
    raise CheckpointError(f"{directory}: holds no finished checkpoint {name}-STEP; start that run anew")


def runs_in(directory: Path, name: str) -> dict[str, list[int]]:
    """The steps of the readable checkpoints in a folder, newest first, by the run that wrote them."""
    runs: dict[str, list[int]] = {}
    for step, record in take_inventory(directory, name).verified.items():
        runs.setdefault(record.run, []).append(step)
    return runs


def _is_foreign(prefix: Path, run: str) -> bool:
    try:
        return read_record_alone(prefix).run != run
    except CheckpointError:
        return False


def is_unfinished(prefix: Path) -> bool:
    """Whether these are the files of a save that was cut off."""
    return record_path(prefix.parent / SAVING / prefix.name).exists()
