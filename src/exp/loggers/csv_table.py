"""`metrics.csv`: a row for each logged step, a column for each figure that `metrics.jsonl` has.

A figure that appears later, such as one of a test, makes a column at the end; the file is then written anew, and
earlier rows have nothing there. What is not finite is `nan`.
"""

import csv
import io
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from exp.loggers.collect import kind_of
from exp.loggers.logger import LossRow
from exp.run_folder.names import CSV
from exp.system.files import open_regular, write_atomically
from exp.system.safe_files import read_lines


class CsvTable:
    """A logger that keeps one row for each step. What is logged of the step of the last row joins that row."""

    def __init__(self, folder: Path, *, earlier: Sequence[Mapping[str, Any]]) -> None:
        """Write the file anew with the rows of `metrics.jsonl`, as they are when a run begins or goes on."""
        self._path = folder / CSV
        self._columns = list(dict.fromkeys(["step", "loss", "epoch", *(key for row in earlier for key in row)]))
        self._start = 0
        self._last: dict[str, Any] = dict(earlier[-1]) if earlier else {}
        self._begin([self._text(row) for row in earlier])

    def losses(self, rows: Sequence[LossRow]) -> None:
        """Write a row for each step."""
        for row in rows:
            self._row(row.step, {"loss": row.loss, "epoch": row.epoch, **row.tagged()})

    def metrics(self, step: int, metrics: Mapping[str, float]) -> None:
        """Add the metrics to the row of the step."""
        self._row(step, metrics)

    def summaries(self, step: int, summaries: Mapping[str, Any]) -> None:
        """Add the scalars among the summaries to the row of the step."""
        scalars = {key.partition("/")[2]: float(v.item()) for key, v in summaries.items() if kind_of(key) == "scalar"}
        if scalars:
            self._row(step, scalars)

    def flush(self) -> None:
        """Hand all rows to the operating system."""
        self._file.flush()

    def close(self) -> None:
        """Write what is left, and close the file."""
        self._file.close()

    def _row(self, step: int, values: Mapping[str, Any]) -> None:
        last = self._last.get("step", -1)
        if step < last:  # the run went back, and makes the steps from here on again
            self._again(before=step)
        new = [key for key in values if key not in self._columns]
        if new:
            self._columns += new
            self._again()
        if step == last:
            self._file.flush()
            self._file.seek(self._start)
            self._file.truncate()
            self._last |= values
        else:
            self._last = {"step": step, **values}
        self._start = self._file.tell()
        self._file.write(self._text(self._last))

    def _again(self, *, before: int | None = None) -> None:
        """Write the file anew with the columns of now, with all rows, or those before a step."""
        self._file.close()
        with self._path.open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if before is None or int(row["step"]) < before]
        if before is not None:
            self._last = {}
        self._begin([self._text(row) for row in rows])

    def _begin(self, lines: list[bytes]) -> None:
        header = _line(self._columns)
        write_atomically(self._path, b"".join([header, *lines]))
        self._file = os.fdopen(open_regular(self._path, os.O_RDWR), "r+b")
        self._file.seek(0, os.SEEK_END)
        self._start = self._file.tell() - (len(lines[-1]) if lines else 0)

    def _text(self, row: Mapping[str, Any]) -> bytes:
        return _line([_cell(row[key]) if key in row else "" for key in self._columns])


def logged_rows(path: Path) -> list[dict[str, Any]]:
    """The lines of `metrics.jsonl`, which this process has just brought in order; empty if there is none yet."""
    return [json.loads(line) for line in read_lines(path)] if path.exists() else []


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "nan" if value is None or not math.isfinite(value) else json.dumps(value)


def _line(cells: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()
