"""The record beside a checkpoint, `ckpt-100.json`: what every byte of it must be, and what it is a checkpoint of."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError

from exp.checkpoint.bundle import files_of
from exp.checkpoint.run_state import RunState
from exp.errors import UserError
from exp.system.files import NOT_FOLLOWED, open_regular, write_atomically
from exp.system.safe_files import MissingError, UnreadableError, read_object
from exp.terminal.words import counted

WORTH_THREADS = 8 * 2**20
"""Bytes from which on values are hashed by several threads."""

FORMAT = 2
"""Version of the record's format; 1 was used before the first release."""


class CheckpointError(UserError):
    """A checkpoint that cannot be believed, or is not one of this model."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class VariableEntry(_Entry):
    """A variable as it was saved."""

    path: str
    title: str
    key: str
    """The name of the value in the file."""
    shape: list[int]
    dtype: str
    sha256: str
    """The SHA-256 of the bytes of the value, in row-major order."""


class FileEntry(_Entry):
    """A file as it was saved."""

    size: int
    sha256: str


class Record(_Entry):
    """Everything that a restore compares."""

    format: int
    step: int
    examples: int
    run: str
    """The run that wrote the checkpoint; no other one removes it."""
    seed: int | None
    data: str | None
    """The data set's fingerprint."""
    class_names: list[str] | None = None
    """The names of the classes in the order of the labels; None in records of earlier versions."""
    set_apart: str | None = None
    """The digest of the examples that were set apart for validation."""
    metrics: dict[str, float]
    """Figures of the step that checkpoints are chosen by, if it is one that counts."""
    state: RunState = RunState()
    versions: dict[str, str]
    structure: dict[str, str]
    structure_sha256: str
    weights_sha256: str
    variables: list[VariableEntry]
    files: dict[str, FileEntry]

    def paths(self) -> set[str]:
        """The paths of all variables."""
        return {entry.path for entry in self.variables}

    @property
    def loss(self) -> float | None:
        """The training loss of the step; earlier versions had it among the metrics only."""
        return self.metrics.get("train/loss") if self.state.loss is None else self.state.loss

    def text(self) -> str:
        """The text of the file, with a SHA-256 of the record itself."""
        body = self.model_dump()
        # A separator with a line break reads nearly as well as an indent, and costs a tenth of it.
        return json.dumps({**body, "record_sha256": _body_digest(body)}, separators=(",\n", ": ")) + "\n"


def record_path(prefix: Path) -> Path:
    """The path of a checkpoint's record."""
    return prefix.with_name(f"{prefix.name}.json")


def read_record(prefix: Path) -> Record:
    """The record of a checkpoint whose files are, byte for byte, those that were saved.

    Raises:
        CheckpointError: they are not, or there is no record; the message names the file and what is wrong with it.
    """
    record = read_record_alone(prefix)
    _compare_files(prefix, record)
    return record


def read_record_alone(prefix: Path) -> Record:
    """The record of a checkpoint whose other files are not looked at, which takes time if they are large.

    Raises:
        CheckpointError: there is none, or it is damaged.
    """
    path = record_path(prefix)
    try:
        raw = read_object(path, finite=False)
    except MissingError as error:
        raise CheckpointError(f"{path}: is missing, so the save was never finished") from error
    except UnreadableError as error:
        raise CheckpointError(str(error)) from error
    if raw.get("format", 1) == 1:
        raise CheckpointError(f"{path}: is the record of an earlier version of exp, which cannot be verified")
    if raw.pop("record_sha256", None) != _body_digest(raw):
        raise CheckpointError(f"{path}: is damaged, its SHA-256 is not the one it names")
    try:
        return Record.model_validate(raw)
    except ValidationError as error:
        raise CheckpointError(f"{path}: is damaged, it is not the record of a checkpoint") from error


def amend_record(prefix: Path, *, metrics: Mapping[str, float], state: RunState) -> Record:
    """Give the record of a checkpoint other metrics and another state; returns the new one.

    Raises:
        CheckpointError: the checkpoint cannot be believed.
        OSError: the record cannot be written.
    """
    record = read_record(prefix)
    record = record.model_copy(update={"metrics": dict(metrics), "state": state})
    write_atomically(record_path(prefix), record.text())
    return record


def _compare_files(prefix: Path, record: Record) -> None:
    found = {path.name: path for path in files_of(prefix)}
    for name in sorted(found.keys() | record.files.keys()):
        if not name.startswith(f"{prefix.name}.") or Path(name).name != name:
            raise CheckpointError(f"{record_path(prefix)}: is damaged, it names {name!r}, which is no file beside it")
        path = prefix.with_name(name)
        if name not in found:
            raise CheckpointError(f"{path}: is missing")
        if name not in record.files:
            raise CheckpointError(f"{path}: is not a file of this checkpoint")
        size, expected = path.lstat().st_size, record.files[name]
        if path.is_symlink():
            raise CheckpointError(f"{path}: {NOT_FOLLOWED}")
        if size != expected.size:
            raise CheckpointError(f"{path}: is damaged, it has {counted(size, 'byte')} instead of {expected.size}")
        if file_digest(path) != expected.sha256:
            raise CheckpointError(f"{path}: is damaged, its SHA-256 is not that of the file that was saved")


def _body_digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    try:
        with os.fdopen(open_regular(path, os.O_RDONLY), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error


def value_digests(values: Sequence[npt.NDArray[Any]]) -> list[str]:
    """SHA-256 of the bytes of each array, computed on all cores if the arrays are large."""
    if sum(value.nbytes for value in values) < WORTH_THREADS:
        return [_value_digest(value) for value in values]
    with ThreadPoolExecutor() as pool:
        return list(pool.map(_value_digest, values))


def _value_digest(value: npt.NDArray[Any]) -> str:
    return hashlib.sha256(_bytes(value)).hexdigest()


def weights_digest(values: Sequence[npt.NDArray[Any]]) -> str:
    """SHA-256 over the bytes of arrays, in order: equal digests mean equal weights, bit for bit."""
    digest = hashlib.sha256()
    for value in values:
        digest.update(_bytes(value))
    return digest.hexdigest()


def _bytes(value: npt.NDArray[Any]) -> memoryview:
    return np.ascontiguousarray(value).reshape(-1).view(np.uint8).data


def versions() -> dict[str, str]:
    """The versions of the packages that compute; another version is no error, but can change last bits."""
    import keras
    import tensorflow as tf

    return {"tensorflow": tf.__version__, "keras": keras.__version__, "numpy": np.__version__}


def differing_versions(record: Record) -> str:
    """A sentence on the packages that have other versions than those that saved; empty if none has."""
    here: Mapping[str, str] = versions()
    other = [f"{k} {v} (here {here.get(k)})" for k, v in record.versions.items() if here.get(k) != v]
    return f"saved with {', '.join(other)}: results may differ in their last bits" if other else ""
