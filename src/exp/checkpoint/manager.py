"""The checkpoints in a run's folder: saved whole or not at all, in the background, and kept by rule.

A save writes everything into `checkpoints/.saving/` first. Then the files move to their places one by one, the record
`ckpt-100.json` last: without it a checkpoint is not finished. So a kill at any moment leaves the earlier checkpoints as
they were, and of the new one either all or nothing that counts.

Small checkpoints that follow each other within a second are written together, and those among them that the rule would
remove again are not written at all. So the disk is at most a second behind, and in the end it holds what it would have
held without that.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from exp.checkpoint import bundle
from exp.checkpoint.access import EagerAccess, VariableAccess
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
from exp.checkpoint.retention import Keep
from exp.checkpoint.structure import structure_digest, structure_of
from exp.checkpoint.variables import named_variables, weights_of
from exp.checkpoint.write_behind import Save, WriteBehind
from exp.system.files import sync, write_atomically

HELD_BYTES = 64 * 2**20
"""How much memory the checkpoints that wait to be written may take."""


class SaveError(OSError):
    """A checkpoint could not be written; the earlier ones are as they were."""


class NotFiniteError(ArithmeticError):
    """The weights are not finite any more, and were not saved."""

    def __init__(self, step: int, variable: str) -> None:
        super().__init__(f"after step {step}, {variable} is not finite")
        self.step = step


@dataclass(frozen=True)
class Origin:
    """What the checkpoints of a run come from; the same for all of them."""

    run: str
    seed: int | None = None
    data: str | None = None
    class_names: Sequence[str] | None = None


class CheckpointManager:
    """The checkpoints of one run.

    `save` must be called where variables can be read (in the executor's scope); files are written by a thread.
    """

    def __init__(
        self,
        directory: Path,
        *,
        name: str,
        keep: Keep,
        roots: Mapping[str, Any],
        origin: Origin,
        access: VariableAccess | None = None,
    ) -> None:
        """Take over what is in the directory.

        Args:
            directory: made when the first checkpoint is saved.
            name: checkpoints are named NAME-STEP.
            keep: which of them stay.
            roots: {"model": model, "optimizer": optimizer}, built.
            origin: goes into every record.
            access: how variables are read; None: eagerly.
        """
        self._directory, self._name, self._keep = directory, name, keep
        self._access = access or EagerAccess()
        self._named = list(named_variables(roots).values())
        self._model_weights = [id(weight) for weight in weights_of(roots["model"])]
        self._graph = bundle.object_graph(roots)
        self._structure = structure_of(roots["model"])
        self._origin = origin
        self._saved: dict[int, Mapping[str, float]] = {}
        """The metrics of each checkpoint of this run that is to stay, written or not. For the training's thread."""
        self._on_disk: dict[int, Mapping[str, float]] = {}
        """And of each one that is on the disk. For the thread that writes."""
        self.written: int | None = None
        """The newest step whose checkpoint is on disk, whole."""
        self._behind = WriteBehind(self._write)
        # A checkpoint that stays for good, or may be the best one, is worth writing.
        no_other = keep.every is None and keep.best is None
        self._may_hold = no_other and keep.max_to_keep * sum(n.nbytes for n in self._named) <= HELD_BYTES

    def adopt(self, records: Mapping[int, Record]) -> None:
        """Count earlier checkpoints of this run as ours: they are kept and removed by the same rule."""
        ours = {step: record.metrics for step, record in records.items() if record.run == self._origin.run}
        self._saved.update(ours)
        self._on_disk.update(ours)
        self.written = max(records, default=None)

    @property
    def newest(self) -> Path | None:
        """The prefix of the newest checkpoint on disk, such as `checkpoints/ckpt-100`."""
        return None if self.written is None else prefix_of(self._directory, self._name, self.written)

    def save(self, step: int, *, examples: int, metrics: Mapping[str, float] | None = None) -> None:
        """Take the values of all variables now, and have them written in the background.

        Raises:
            SaveError, NotFiniteError: an earlier save failed.
            NotFiniteError: a weight is not finite. A large checkpoint is not looked at here, but when it is written.
        """
        self.check()
        if step in self._saved:
            return
        self._behind.make_room()
        values = self._access.read([named.variable for named in self._named])
        if self._may_hold:
            self._check_finite(step, [np.asarray(value) for value in values])
        saved = {**self._saved, step: dict(metrics or {})}
        wanted = self._keep.kept(saved)
        self._saved = {number: figures for number, figures in saved.items() if number in wanted}
        self._behind.put(Save(step, examples, saved[step], values), hold=self._may_hold, wanted=wanted)

    def check(self) -> None:
        """Raise what went wrong in the background, if that is known already.

        Raises:
            SaveError: the last save failed.
            NotFiniteError: a weight was not finite, and so nothing was saved.
        """
        self._behind.check()

    def wait(self) -> None:
        """Wait until everything is on disk.

        Raises:
            SaveError: the last save failed.
            NotFiniteError: a weight was not finite, and so nothing was saved.
        """
        self._behind.wait()

    def close(self) -> None:
        """Let what is to be written be written, whatever else went wrong; nothing can be saved afterwards."""
        self._behind.close()

    def _check_finite(self, step: int, arrays: list[npt.NDArray[Any]]) -> None:
        for named, array in zip(self._named, arrays, strict=True):
            if not _finite(array):
                raise NotFiniteError(step, str(named))

    def _write(self, saves: list[Save]) -> None:
        for save in saves:
            arrays = [np.asarray(value) for value in save.values]
            if not self._may_hold:
                self._check_finite(save.step, arrays)
            with self._failing_as_save_of(save.step):
                self._write_files(save, arrays)
        with self._failing_as_save_of(saves[-1].step):
            self._tidy()

    @contextmanager
    def _failing_as_save_of(self, step: int) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            prefix = prefix_of(self._directory, self._name, step)
            raise SaveError(f"{prefix}: cannot be saved ({_reason(error)})") from error

    def _write_files(self, save: Save, arrays: list[npt.NDArray[Any]]) -> None:
        prefix = prefix_of(self._directory, self._name, save.step)
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
        self.written = save.step
        self._on_disk[save.step] = save.metrics

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
            metrics=dict(save.metrics),
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

    def _tidy(self) -> None:
        """Remove what need not stay, of what this run wrote, and tell TensorFlow what is there."""
        stay = self._keep.kept(self._on_disk)
        for step in sorted(self._on_disk.keys() - stay):
            prefix = prefix_of(self._directory, self._name, step)
            # The record goes first: a checkpoint half removed does not count.
            for path in [record_path(prefix), *bundle.files_of(prefix)]:
                path.unlink(missing_ok=True)
            del self._on_disk[step]
        # For programs that call tf.train.latest_checkpoint; nothing here believes this file.
        names = [prefix_of(self._directory, self._name, step).name for step in sorted(stay)]
        lines = [f'model_checkpoint_path: "{names[-1]}"', *(f'all_model_checkpoint_paths: "{n}"' for n in names)]
        write_atomically(self._directory / "checkpoint", "".join(f"{line}\n" for line in lines), durable=False)


def _finite(value: npt.NDArray[Any]) -> bool:
    return value.dtype.kind != "f" or bool(np.isfinite(value).all())


def _reason(error: BaseException) -> str:
    """Why a file could not be written, without TensorFlow's own preamble."""
    text = getattr(error, "strerror", None) or getattr(error, "message", None) or str(error)
    return str(text).splitlines()[0] if str(text) else type(error).__name__
