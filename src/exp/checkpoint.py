"""Checkpoints: what is saved, under which name, and a restore that checks what it got.

A checkpoint of step 100 is `ckpt-100.index`, `ckpt-100.data-*` (a `tf.train.Checkpoint` of the model and the optimizer)
and `ckpt-100.json` (what the weights' bytes must be). The JSON file is written last, whole or not at all: without it,
a checkpoint is not finished and does not count.
"""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from exp.errors import UserError
from exp.outputs import write_atomically

Read = Callable[[Sequence[Any]], list[npt.NDArray[Any]]]


def weights_digest(values: Sequence[npt.NDArray[Any]]) -> str:
    """SHA-256 over the bytes of arrays, in order: equal digests mean equal weights, bit for bit."""
    digest = hashlib.sha256()
    for value in values:
        digest.update(np.ascontiguousarray(value).data)
    return digest.hexdigest()


class Checkpoints:
    """The checkpoints of one run.

    Methods that touch variables must be called in the executor's scope.
    """

    def __init__(
        self, directory: Path, *, name: str, max_to_keep: int, model: Any, optimizer: Any, read: Read, batch_size: int
    ) -> None:
        self._directory = directory
        self._name = name
        self._max_to_keep = max_to_keep
        self._model = model
        self._read = read
        self._batch_size = batch_size
        self._checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer)
        self._saved = finished_steps(directory, name)

    @property
    def newest(self) -> Path | None:
        """The prefix of the newest checkpoint, such as `checkpoints/ckpt-100`."""
        return self._prefix(self._saved[-1]) if self._saved else None

    def save(self, step: int) -> None:
        """Save under the number of a step, unless that is done already, and remove what is too old."""
        if step in self._saved:
            return
        self._directory.mkdir(exist_ok=True)
        prefix = self._prefix(step)
        self._checkpoint.write(str(prefix))
        record = {
            "step": step,
            "examples": step * self._batch_size,
            "weights_sha256": weights_digest(self._read(self._model.weights)),
            "variables": [
                {"path": weight.path, "shape": list(weight.shape), "dtype": str(weight.dtype)}
                for weight in self._model.weights
            ],
        }
        write_atomically(prefix.with_name(f"{prefix.name}.json"), json.dumps(record, indent=1))
        self._saved.append(step)
        kept = self._saved[-self._max_to_keep :]
        # TensorFlow's own index of the folder, for programs that call tf.train.latest_checkpoint; we do not rely on it.
        lines = [f'model_checkpoint_path: "{prefix.name}"']
        lines += [f'all_model_checkpoint_paths: "{self._prefix(number).name}"' for number in kept]
        write_atomically(self._directory / "checkpoint", "\n".join(lines))
        for number in self._saved[: -self._max_to_keep]:
            self._remove(number)
        self._saved = kept

    def restore(self, prefix: Path, *, with_optimizer: bool) -> int:
        """Read a checkpoint into the model, and the optimizer where it trains on; return its step.

        Raises:
            UserError: the file is not a checkpoint of this model, or does not hold what was saved.
        """
        record = _record(prefix)
        names = [(v["path"], tuple(v["shape"])) for v in record["variables"]]
        here = [(weight.path, tuple(weight.shape)) for weight in self._model.weights]
        if names != here:
            different = ", ".join(f"{path} {list(shape)}" for path, shape in sorted(set(names) ^ set(here)))
            raise UserError(f"{prefix}: is a checkpoint of another model; only in one of the two: {different}")
        target = self._checkpoint if with_optimizer else tf.train.Checkpoint(model=self._model)
        try:
            status = target.read(str(prefix))
            if not with_optimizer:
                status = status.expect_partial()
            status.assert_existing_objects_matched()
            status.initialize_or_restore()
        except (AssertionError, ValueError, tf.errors.OpError) as error:
            line = str(error).strip().splitlines()[0]
            raise UserError(f"{prefix}: cannot be restored ({line})") from error
        if weights_digest(self._read(self._model.weights)) != record["weights_sha256"]:
            raise UserError(f"{prefix}: does not give the weights that were saved (SHA-256 differs)")
        return int(record["step"])

    def _prefix(self, step: int) -> Path:
        return self._directory / f"{self._name}-{step}"

    def _remove(self, step: int) -> None:
        prefix = self._prefix(step)
        # The record goes first: a checkpoint half removed does not count.
        prefix.with_name(f"{prefix.name}.json").unlink(missing_ok=True)
        for path in [*self._directory.glob(f"{prefix.name}.data-*"), prefix.with_name(f"{prefix.name}.index")]:
            path.unlink(missing_ok=True)


def newest_checkpoint(directory: Path, name: str) -> Path:
    """The prefix of the newest finished checkpoint of a run.

    Raises:
        UserError: there is none.
    """
    steps = finished_steps(directory, name)
    if not steps:
        raise UserError(f"{directory}: holds no finished checkpoint named {name}-STEP")
    return directory / f"{name}-{steps[-1]}"


def finished_steps(directory: Path, name: str) -> list[int]:
    """The steps of all finished checkpoints, in order."""
    pattern = re.compile(rf"{re.escape(name)}-(\d+)\.json")
    found = (pattern.fullmatch(path.name) for path in directory.glob(f"{name}-*.json"))
    return sorted(int(match[1]) for match in found if match)


def _record(prefix: Path) -> dict[str, Any]:
    path = prefix.with_name(f"{prefix.name}.json")
    try:
        record: dict[str, Any] = json.loads(path.read_text())
        if isinstance(record["step"], int) and record["variables"] and record["weights_sha256"]:
            return record
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise UserError(f"{path}: is not the record of a finished checkpoint")
