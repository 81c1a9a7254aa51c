"""Writing and removing the files of a checkpoint: whole or not at all.

Everything is written into `checkpoints/.saving/` first. Then the files move to their places one by one, the record
`ckpt-100.json` last: without it a checkpoint is not finished. So a kill at any moment leaves the earlier checkpoints as
they were, and of the new one either all or nothing that counts.
"""

import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from exp.checkpoint import bundle
from exp.checkpoint.inventory import SAVING, prefix_of
from exp.checkpoint.record import (
    FORMAT,
    FileEntry,
    Record,
    VariableEntry,
    file_digest,
    record_path,
    value_digests,
    versions,
    weights_digest,
)
from exp.checkpoint.structure import structure_digest, structure_of
from exp.checkpoint.variables import named_variables, weights_of
from exp.checkpoint.write_behind import Save
from exp.system.files import sync, write_atomically


class NotFiniteError(ArithmeticError):
    """The weights are not finite any more, and were not saved."""

    def __init__(self, step: int, variable: str) -> None:
        super().__init__(f"after step {step}, {variable} is not finite")
        self.step = step


@dataclass(frozen=True)
class Origin:
    """The run and the data that checkpoints come from; the same for all checkpoints of a run."""

    run: str
    seed: int | None = None
    data: str | None = None
    class_names: Sequence[str] | None = None
    set_apart: str | None = None


class CheckpointWriter:
    """Writes the files of one run's checkpoints, from values that were read before."""

    def __init__(self, directory: Path, *, name: str, roots: Mapping[str, Any], origin: Origin) -> None:
        self._directory, self._name, self._origin = directory, name, origin
        self._named = list(named_variables(roots).values())
        self._model_weights = [id(weight) for weight in weights_of(roots["model"])]
        self._graph = bundle.object_graph(roots)
        self._structure = structure_of(roots["model"])

    @property
    def variables(self) -> list[Any]:
        """The variables whose values make a checkpoint, in the order of `Save.values`."""
        return [named.variable for named in self._named]

    @property
    def nbytes(self) -> int:
        """Bytes of the values of one checkpoint."""
        return sum(named.nbytes for named in self._named)

    def prefix(self, step: int) -> Path:
        """The prefix of the checkpoint of a step."""
        return prefix_of(self._directory, self._name, step)

    def check_finite(self, step: int, arrays: Sequence[npt.NDArray[Any]]) -> None:
        """Make sure that all values of a checkpoint are finite.

        Raises:
            NotFiniteError: one is not.
        """
        for named, array in zip(self._named, arrays, strict=True):
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise NotFiniteError(step, str(named))

    def write(self, save: Save, arrays: list[npt.NDArray[Any]]) -> None:
        """Write a checkpoint; `arrays` are the values of the save as arrays.

        Raises:
            FileExistsError: there is a checkpoint of that step.
            OSError, tf.errors.OpError: the files cannot be written.
        """
        prefix = self.prefix(save.step)
        if record_path(prefix).exists() or bundle.files_of(prefix):
            raise FileExistsError("there is a checkpoint with this number, and a number is never written again")
        saving = self._directory / SAVING / prefix.name
        saving.parent.mkdir(parents=True, exist_ok=True)
        try:
            keyed = {n.key: value for n, value in zip(self._named, save.values, strict=True)}
            files = bundle.write(saving, keyed, self._graph)
            for path in files:
                sync(path)
            write_atomically(record_path(saving), self._record(save, arrays, files).text())
        except BaseException:
            shutil.rmtree(saving.parent, ignore_errors=True)  # a full disk needs the room
            raise
        for path in [*files, record_path(saving)]:
            path.rename(self._directory / path.name)
        saving.parent.rmdir()
        sync(self._directory)

    def remove(self, step: int) -> None:
        """Remove a checkpoint. The record goes first: a checkpoint half removed does not count."""
        prefix = self.prefix(step)
        for path in [record_path(prefix), *bundle.files_of(prefix)]:
            path.unlink(missing_ok=True)

    def list_for_tensorflow(self, steps: Collection[int]) -> None:
        """Write the file `checkpoint` for programs that call `tf.train.latest_checkpoint`; nothing here believes it."""
        names = [self.prefix(step).name for step in sorted(steps)]
        lines = [f'model_checkpoint_path: "{names[-1]}"', *(f'all_model_checkpoint_paths: "{n}"' for n in names)]
        write_atomically(self._directory / "checkpoint", "".join(f"{line}\n" for line in lines), durable=False)

    def _record(self, save: Save, values: list[npt.NDArray[Any]], files: list[Path]) -> Record:
        by_variable = {id(n.variable): value for n, value in zip(self._named, values, strict=True)}
        return Record(
            format=FORMAT,
            step=save.step,
            examples=save.examples,
            run=self._origin.run,
            seed=self._origin.seed,
            data=self._origin.data,
            class_names=None if self._origin.class_names is None else list(self._origin.class_names),
            set_apart=self._origin.set_apart,
            metrics=dict(save.metrics),
            state=save.state,
            versions=versions(),
            structure=self._structure,
            structure_sha256=structure_digest(self._structure),
            weights_sha256=weights_digest([by_variable[identity] for identity in self._model_weights]),
            variables=[
                VariableEntry(
                    path=n.path,
                    title=n.title,
                    key=n.key,
                    shape=list(value.shape),
                    dtype=value.dtype.name,
                    sha256=digest,
                )
                for n, value, digest in zip(self._named, values, value_digests(values), strict=True)
            ],
            files={path.name: FileEntry(size=path.stat().st_size, sha256=file_digest(path)) for path in files},
        )
