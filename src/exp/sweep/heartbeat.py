"""The heartbeat of a job: a small file in its folder, replaced a few times a second, that says how far the job is."""

import contextlib
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from exp.run_folder.names import JOB_REPORT
from exp.system.files import write_atomically
from exp.system.safe_files import UnreadableError, read_object

SECONDS_BETWEEN = 0.4
REPORT_BYTES = 2**20


@dataclass(frozen=True)
class Report:
    """How far a job is, as it reported last."""

    step: int = 0
    total: int = 0
    loss: float | None = None
    error: str | None = None
    """A user's mistake that only the job itself could find, in a sentence."""


_REPORT = TypeAdapter(Report)


class Reporter:
    """Writes a job's reports into its folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / JOB_REPORT
        self._last = 0.0

    def progress(self, *, done: int, total: int, loss: float | None) -> None:
        """Report `done` of `total` steps; the file is written only now and then."""
        if time.monotonic() - self._last >= SECONDS_BETWEEN:
            self._last = time.monotonic()
            self._write(Report(done, total, loss if loss is not None and math.isfinite(loss) else None))

    def mistake(self, text: str) -> None:
        """Report that the job's request is impossible."""
        self._write(Report(error=text))

    def _write(self, report: Report) -> None:
        # A report is a courtesy: a full disk shall stop the run where it saves, not here.
        with contextlib.suppress(OSError):
            write_atomically(self._path, json.dumps(asdict(report)), durable=False)


def read_report(folder: Path) -> Report:
    """Read a job's last report; an empty one if there is none."""
    try:
        return _REPORT.validate_python(read_object(folder / JOB_REPORT, most=REPORT_BYTES))
    except (UnreadableError, ValidationError):
        return Report()


def clear(folder: Path) -> None:
    """Remove the report from a job's folder."""
    with contextlib.suppress(OSError):
        (folder / JOB_REPORT).unlink(missing_ok=True)
