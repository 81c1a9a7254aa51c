"""The checkpoints in a run's folder: saved in the background, and kept or removed by a retention policy.

Where checkpoints come more quickly than `exp.checkpoint.write_behind` writes them, and memory allows, the newest is
written, and those that the policy would remove again by then are not. The disk is up to `LONGEST_GAP` seconds behind,
and in the end it holds what it would have held without that.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from exp.checkpoint.access import EagerAccess, VariableAccess
from exp.checkpoint.record import Record
from exp.checkpoint.retention import RetentionPolicy
from exp.checkpoint.run_state import RunState
from exp.checkpoint.write_behind import Save, WriteBehind
from exp.checkpoint.writer import CheckpointWriter, Origin

HELD_BYTES = 128 * 2**20
"""How much memory the checkpoints that wait to be written may take."""


class SaveError(OSError):
    """A checkpoint could not be written; the earlier ones are as they were."""


class CheckpointManager:
    """Saves and removes the checkpoints of one run.

    `save` must be called where variables can be read (in the executor's scope); files are written by a thread.
    """

    def __init__(
        self,
        directory: Path,
        *,
        name: str,
        policy: RetentionPolicy,
        roots: Mapping[str, Any],
        origin: Origin,
        access: VariableAccess | None = None,
        before_writing: Callable[[], None] = lambda: None,
    ) -> None:
        """Take over what is in the directory.

        Args:
            directory: made when the first checkpoint is saved.
            name: checkpoints are named NAME-STEP.
            policy: decides which of them stay.
            roots: {"model": model, "optimizer": optimizer}, built.
            origin: goes into every record.
            access: how variables are read; None: eagerly.
            before_writing: called by the thread that writes, before it does; its errors are those of a save.
        """
        self._before_writing = before_writing
        self._policy, self._run = policy, origin.run
        self._access = access or EagerAccess()
        self._writer = CheckpointWriter(directory, name=name, roots=roots, origin=origin)
        self._saved: dict[int, Mapping[str, float]] = {}
        """The metrics of this run's checkpoints that are to stay, written or not. Only the training thread uses it."""
        self._on_disk: dict[int, Mapping[str, float]] = {}
        """The metrics of this run's checkpoints that are on disk. Only the writing thread uses it."""
        self._also_kept: frozenset[int] = frozenset()
        """The steps that the last save asked to keep."""
        self.written: int | None = None
        """The newest step whose checkpoint is on disk, whole."""
        self._behind = WriteBehind(self._write)
        # A checkpoint that may outlive newer ones is worth writing; the others may wait while there is memory.
        most = policy.removed_after()
        self._may_hold = most is not None and most * self._writer.nbytes <= HELD_BYTES

    def adopt(self, records: Mapping[int, Record]) -> None:
        """Count earlier checkpoints of this run as ours: the same policy keeps and removes them."""
        ours = {step: record.metrics for step, record in records.items() if record.run == self._run}
        self._saved.update(ours)
        self._on_disk.update(ours)
        self.written = max(records, default=None)

    @property
    def newest(self) -> Path | None:
        """The prefix of the newest checkpoint on disk, such as `checkpoints/ckpt-100`."""
        return None if self.written is None else self._writer.prefix(self.written)

    def prefix(self, step: int) -> Path | None:
        """The prefix of the checkpoint of a step; None if none is on disk."""
        return self._writer.prefix(step) if step in self._on_disk else None

    def save(
        self,
        step: int,
        *,
        examples: int,
        metrics: Mapping[str, float] | None = None,
        state: RunState | None = None,
        keep: Collection[int] = (),
    ) -> None:
        """Take the values of all variables now, and have them written in the background.

        Args:
            step: the number of steps done.
            examples: trained on so far.
            metrics: of the step, which the policy goes by.
            state: what the run remembers.
            keep: steps whose checkpoints stay, too, whatever the policy says.

        Raises:
            SaveError, NotFiniteError: an earlier save failed.
            NotFiniteError: a weight is not finite. A large checkpoint is not looked at here, but when it is written.
        """
        self.check()
        if step in self._saved:
            return
        if not self._may_hold:
            self._behind.wait()  # a slow disk slows the training rather than filling the memory
        values = self._access.read(self._writer.variables)
        if self._may_hold:
            self._writer.check_finite(step, [np.asarray(value) for value in values])
        saved = {**self._saved, step: dict(metrics or {})}
        self._also_kept = frozenset(keep)
        wanted = self._policy.kept(saved) | (self._also_kept & saved.keys())
        self._saved = {number: known for number, known in saved.items() if number in wanted}
        save = Save(step, examples, saved[step], state or RunState(), values)
        self._behind.put(save, hold=self._may_hold, wanted=wanted)

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

    def _write(self, saves: list[Save]) -> None:
        self._before_writing()
        for save in saves:
            arrays = [np.asarray(value) for value in save.values]
            if not self._may_hold:
                self._writer.check_finite(save.step, arrays)
            with self._failing_as_save_of(save.step):
                self._writer.write(save, arrays)
            self.written = max(save.step, self.written or 0)
            self._on_disk[save.step] = save.metrics
        with self._failing_as_save_of(saves[-1].step):
            self._remove_others()

    def _remove_others(self) -> None:
        """Remove what need not stay of this run's checkpoints."""
        stay = self._policy.kept(self._on_disk) | (self._also_kept & self._on_disk.keys())
        for step in sorted(self._on_disk.keys() - stay):
            self._writer.remove(step)
            del self._on_disk[step]
        self._writer.list_for_tensorflow(stay)

    @contextmanager
    def _failing_as_save_of(self, step: int) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            raise SaveError(f"{self._writer.prefix(step)}: cannot be saved ({_reason(error)})") from error


def _reason(error: BaseException) -> str:
    """Why a file could not be written, without TensorFlow's own preamble."""
    text = getattr(error, "strerror", None) or getattr(error, "message", None) or str(error)
    return str(text).splitlines()[0] if str(text) else type(error).__name__
