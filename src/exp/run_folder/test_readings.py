"""`test_readings.jsonl`: a line for each time that a run, or a later test of it, was evaluated on the test split.

A test figure that was looked at again and again, to choose what to do next, is no longer what it says. So each look
leaves a trace in the folder of the run that was looked at.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

from exp.run_folder import names
from exp.system.files import append_line
from exp.system.safe_files import read_lines


class TestReadings:
    """The readings of the test split that a run folder counts."""

    __test__ = False  # pytest would take it for a test

    def __init__(self, folder: Path) -> None:
        """Count in the folder of the run whose weights are tested."""
        self._path = folder / names.TEST_READINGS

    def add(self, *, by: str, step: int) -> None:
        """Note a reading.

        Args:
            by: what reads: `closing test`, `checkpoint` or `mode=test`.
            step: the step after which the model has the weights that are tested.

        Raises:
            OSError: the folder cannot be written.
        """
        line = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "by": by, "step": step}
        append_line(self._path, json.dumps(line).encode())

    def count(self) -> int:
        """How many readings there were."""
        return sum(1 for _ in read_lines(self._path)) if self._path.exists() else 0
