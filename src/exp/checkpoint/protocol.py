"""What training does with the checkpoints of its run: the `Checkpoints` protocol, and one that saves nothing."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Protocol

from exp.checkpoint.run_state import RunState


class Checkpoints(Protocol):
    """The checkpoints of one run: those of a `CheckpointManager`, or of `NoCheckpoints`."""

    @property
    def newest(self) -> Path | None:
        """The prefix of the newest checkpoint on disk, such as `checkpoints/ckpt-100`; None if there is none."""

    def prefix(self, step: int) -> Path | None:
        """The prefix of the checkpoint of a step; None if none is on disk. Asked for once everything is."""

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

        Raises:
            SaveError, NotFiniteError: an earlier save failed.
            NotFiniteError: a weight is not finite.
        """

    def check(self) -> None:
        """Raise what went wrong in the background, if that is known already.

        Raises:
            SaveError, NotFiniteError: an earlier save failed.
        """

    def wait(self) -> None:
        """Wait until everything is on disk.

        Raises:
            SaveError, NotFiniteError: an earlier save failed.
        """

    def close(self) -> None:
        """Let what is to be written be written, whatever else went wrong; nothing can be saved afterwards."""


class NoCheckpoints:
    """The `Checkpoints` of a process that saves none, because another one does."""

    newest: Path | None = None

    def prefix(self, step: int) -> Path | None:
        """None."""
        return None

    def save(
        self,
        step: int,
        *,
        examples: int,
        metrics: Mapping[str, float] | None = None,
        state: RunState | None = None,
        keep: Collection[int] = (),
    ) -> None:
        """Save nothing."""

    def check(self) -> None:
        """Nothing can have failed."""

    def wait(self) -> None:
        """Nothing is to be written."""

    def close(self) -> None:
        """Nothing is open."""
