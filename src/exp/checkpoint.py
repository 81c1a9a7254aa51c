"""Checkpoints: what is saved, under which name, and a restore that checks what it got.

A checkpoint of step 100 is `ckpt-100.index`, `ckpt-100.data-*` (a `tf.train.Checkpoint` of the model and the optimizer)
and `ckpt-100.json` (what the bytes of those files and of the weights must be). The JSON file is written last, whole or
not at all: without it, a checkpoint is not finished and does not count.
"""

import hashlib
import json
import re
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from exp.errors import UserError
from exp.files import write_atomically


class VariableAccess(Protocol):
    """How variables are read and written where they live: in a session, that takes the session."""

    def read(self, variables: Sequence[Any]) -> list[npt.NDArray[Any]]:
        """The values of Keras variables."""

    def write(self, variables: Sequence[Any], values: Sequence[npt.NDArray[Any]]) -> None:
        """Assign values to Keras variables, on all replicas."""


def weights_digest(values: Sequence[npt.NDArray[Any]]) -> str:
    """SHA-256 over the bytes of arrays, in order: equal digests mean equal weights, bit for bit."""
    digest = hashlib.sha256()
    for value in values:
        digest.update(np.ascontiguousarray(value).data)
    return digest.hexdigest()


class Restored(NamedTuple):
    """What a checkpoint stands for."""

    step: int
    examples: int


class Checkpoints:
    """The checkpoints of one run.

    Methods that touch variables must be called in the executor's scope.
    """

    def __init__(
        self,
        directory: Path,
        *,
        name: str,
        max_to_keep: int,
        model: Any,
        optimizer: Any,
        access: VariableAccess,
    ) -> None:
        self._directory = directory
        self._name = name
        self._max_to_keep = max_to_keep
        self._model = model
        self._access = access
        self._checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer)
        self._variables = named_variables(self._checkpoint)
        self._saved = finished_steps(directory, name)

    @property
    def newest(self) -> Path | None:
        """The prefix of the newest checkpoint, such as `checkpoints/ckpt-100`."""
        return self._prefix(self._saved[-1]) if self._saved else None

    def save(self, step: int, *, examples: int) -> None:
        """Save under the number of a step, unless that is done already, and remove what is too old."""
        if step in self._saved:
            return
        self._directory.mkdir(exist_ok=True)
        prefix = self._prefix(step)
        self._checkpoint.write(str(prefix))
        record = {
            "step": step,
            "examples": examples,
            "weights_sha256": weights_digest(self._access.read(self._model.weights)),
            "model": self._model_outline(),
            "files": {path.name: _file_digest(path) for path in _files(prefix)},
        }
        write_atomically(prefix.with_name(f"{prefix.name}.json"), json.dumps(record, indent=1) + "\n")
        self._saved.append(step)
        kept = self._saved[-self._max_to_keep :]
        # TensorFlow's own index of the folder, for programs that call tf.train.latest_checkpoint; we do not rely on it.
        lines = [f'model_checkpoint_path: "{prefix.name}"']
        lines += [f'all_model_checkpoint_paths: "{self._prefix(number).name}"' for number in kept]
        write_atomically(self._directory / "checkpoint", "".join(f"{line}\n" for line in lines))
        for number in self._saved[: -self._max_to_keep]:
            self._remove(number)
        self._saved = kept

    def restore(self, prefix: Path, *, with_optimizer: bool) -> Restored:
        """Read a checkpoint into the model, and into the optimizer where the run trains on.

        The values are read from the file by name and assigned one by one: `tf.train.Checkpoint.read` can leave
        variables as they were without a word, and fails in a session with several replicas (Keras 3.15).

        Raises:
            UserError: the file is not a checkpoint of this model, or does not hold what was saved.
        """
        record = _record(prefix)
        self._check_model(prefix, record)
        reader = tf.train.load_checkpoint(str(prefix))
        weights = {id(weight) for weight in self._model.weights}
        wanted = {key: v for key, v in self._variables.items() if with_optimizer or id(v) in weights}
        self._access.write(list(wanted.values()), [reader.get_tensor(key) for key in wanted])
        if weights_digest(self._access.read(self._model.weights)) != record["weights_sha256"]:
            raise UserError(f"{prefix}: does not give the weights that were saved (SHA-256 differs)")
        return Restored(record["step"], record["examples"])

    def _check_model(self, prefix: Path, record: dict[str, Any]) -> None:
        """Refuse a checkpoint of other variables than those that are here, and name the difference."""
        here = self._model_outline()
        if record["model"] != here:
            rows, others = ({" ".join(map(str, row)) for row in outline} for outline in (record["model"], here))
            different = ", ".join(sorted(rows ^ others)) or "the order of the variables"
            raise UserError(f"{prefix}: is a checkpoint of another model; only one of the two has {different}")
        stored = tf.train.load_checkpoint(str(prefix)).get_variable_to_shape_map()
        stored.pop("_CHECKPOINTABLE_OBJECT_GRAPH", None)
        expected = {key: list(variable.shape) for key, variable in self._variables.items()}
        if stored != expected:
            different = ", ".join(sorted(k for k in stored | expected if stored.get(k) != expected.get(k)))
            raise UserError(f"{prefix}: does not have the variables of this run: {different}")

    def _model_outline(self) -> list[list[Any]]:
        return [[weight.path, list(weight.shape), str(weight.dtype)] for weight in self._model.weights]

    def _prefix(self, step: int) -> Path:
        return self._directory / f"{self._name}-{step}"

    def _remove(self, step: int) -> None:
        prefix = self._prefix(step)
        # The record goes first: a checkpoint half removed does not count.
        prefix.with_name(f"{prefix.name}.json").unlink(missing_ok=True)
        for path in _files(prefix):
            path.unlink(missing_ok=True)


def named_variables(root: Any) -> dict[str, Any]:
    """The variables that a `tf.train.Checkpoint` saves, by the names they have in its files.

    A variable's name is the shortest path to it through the objects that TensorFlow tracks, as in
    `tf.train.TrackableView`, the first one found where there are several.
    """
    found: dict[str, Any] = {}
    seen, waiting = {id(root)}, deque([("", root)])
    while waiting:
        path, owner = waiting.popleft()
        if isinstance(owner, keras.Variable | tf.Variable):
            found[f"{path}/.ATTRIBUTES/VARIABLE_VALUE"] = owner
        for name, child in tf.train.TrackableView.children(owner).items():
            if id(child) not in seen:
                seen.add(id(child))
                escaped = name.replace(".", "..").replace("/", ".S")
                waiting.append((f"{path}/{escaped}" if path else escaped, child))
    return found


def newest_checkpoint(directory: Path, name: str) -> Path:
    """The prefix of the newest finished checkpoint of a run.

    Raises:
        UserError: there is none.
    """
    steps = finished_steps(directory, name)
    if not steps:
        raise UserError(f"{directory}: holds no finished checkpoint named {name}-STEP; start that run anew")
    return directory / f"{name}-{steps[-1]}"


def finished_steps(directory: Path, name: str) -> list[int]:
    """The steps of all finished checkpoints, in order."""
    pattern = re.compile(rf"{re.escape(name)}-(\d+)\.json")
    found = (pattern.fullmatch(path.name) for path in directory.glob(f"{name}-*.json"))
    return sorted(int(match[1]) for match in found if match)


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(prefix: Path) -> list[Path]:
    return sorted([*prefix.parent.glob(f"{prefix.name}.index"), *prefix.parent.glob(f"{prefix.name}.data-*")])


def _record(prefix: Path) -> dict[str, Any]:
    """The record of a checkpoint, once its files have been compared with it."""
    path = prefix.with_name(f"{prefix.name}.json")
    try:
        record: dict[str, Any] = json.loads(path.read_text())
        missing = {"step", "examples", "model", "weights_sha256", "files"} - set(record)
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path}: is not the record of a finished checkpoint") from error
    if missing:
        raise UserError(f"{path}: is not the record of a finished checkpoint; it lacks {', '.join(sorted(missing))}")
    found = {file.name: _file_digest(file) for file in _files(prefix)}
    for name in sorted(found | record["files"]):
        if found.get(name) != record["files"].get(name):
            raise UserError(f"{prefix.with_name(name)}: is not the file that was saved (gone, added or changed)")
    return record
