"""Loggers of a user's own, for tests."""

import json
import time
from pathlib import Path
from typing import Any


class Notes:
    """Notes losses and metrics in a file; it is told nothing else."""

    def __init__(self, *, path: str, folder: Path, done: int) -> None:
        self._path = Path(path)
        self._note("begun", folder.name, done)

    def losses(self, rows: Any) -> None:
        for row in rows:
            self._note("loss", row.step, row.loss)

    def metrics(self, step: int, metrics: Any) -> None:
        self._note("metrics", step, dict(metrics))

    def close(self) -> None:
        self._note("closed")

    def _note(self, *what: Any) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps(what) + "\n")


class Raises:
    """Fails at the second call."""

    def losses(self, rows: Any) -> None:
        if rows[-1].step > 10:
            raise OSError("the line is cut")


class Hangs:
    """Never comes back."""

    def __init__(self, *, at_once: bool = False) -> None:
        if at_once:
            time.sleep(3600)

    def losses(self, rows: Any) -> None:
        time.sleep(3600)


class Nothing:
    """Has no method of a logger's."""


def leaves() -> Any:
    """Ends its thread."""
    raise SystemExit(3)
