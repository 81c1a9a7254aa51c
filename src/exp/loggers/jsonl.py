"""`metrics.jsonl`: one line for each logged step, with its losses, its metrics and the scalars that the model logs."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from exp.loggers.collect import kind_of
from exp.loggers.logger import REWRITTEN, LossRow
from exp.run_folder.formats import LoggedStep
from exp.run_folder.names import METRICS
from exp.system.files import naming, open_regular, write_atomically
from exp.system.safe_files import read_lines


class JsonlLogger:
    """A `Logger` that appends lines. What is logged of the step of the last line joins that line."""

    def __init__(self, folder: Path, *, done: int) -> None:
        """Continue the file after `done` steps; what an earlier, killed process logged of later ones is dropped."""
        self._path = folder / METRICS
        _drop_later(self._path, done)
        self._file = os.fdopen(open_regular(self._path, os.O_WRONLY | os.O_CREAT), "wb")
        # The last line of an earlier process is kept in mind, so that metrics of that step join it.
        last, self._row_start, self._end = b"", 0, 0
        for line in read_lines(self._path):
            last, self._row_start, self._end = line, self._end, self._end + len(line)
        self._row: dict[str, Any] = json.loads(last) if last else {}
        self._file.seek(self._end)

    def losses(self, rows: Sequence[LossRow]) -> None:
        """Write a line for each step."""
        with naming(self._path):
            for row in rows:
                self._line(row.step, {"loss": row.loss, "epoch": row.epoch, **row.tagged()})

    def metrics(self, step: int, metrics: Mapping[str, float]) -> None:
        """Add the metrics to the line of the step."""
        with naming(self._path):
            self._line(step, metrics)

    def summaries(self, step: int, summaries: Mapping[str, Any]) -> None:
        """Add the scalars among the summaries to the line of the step."""
        scalars = {
            key.partition("/")[2]: float(value.item()) for key, value in summaries.items() if kind_of(key) == "scalar"
        }
        if scalars:
            with naming(self._path):
                self._line(step, scalars)

    def histograms(self, step: int, arrays: Mapping[str, Any]) -> None:
        """Ignore histograms: a line has numbers only."""

    def image(self, step: int, tag: str, image: Any) -> None:
        """Ignore images."""

    def graph(self, definition: Any) -> None:
        """Ignore graphs."""

    def hparams(self, config: Mapping[str, Any]) -> None:
        """Ignore the configuration: it is in `.hydra/config.yaml`."""

    def ended(self, step: int, status: str) -> None:
        """Ignore the status: it is in `results.json`."""

    def flush(self) -> None:
        """Hand all lines to the operating system.

        Raises:
            OSError: they cannot be written.
        """
        with naming(self._path):
            self._file.flush()

    def close(self) -> None:
        """Write what is left, and close the file."""
        with naming(self._path):
            self._file.close()

    def _line(self, step: int, values: Mapping[str, float]) -> None:
        joins = self._row.get("step") == step
        row: dict[str, Any] = self._row if joins else {"step": step}
        # JSON has no NaN: a loss that is not finite is null here, and NaN in the event file.
        row.update({name: value if math.isfinite(value) else None for name, value in values.items()})
        text = json.dumps(row).encode() + b"\n"
        if joins:
            self._replace_last(text)
        else:
            self._file.write(text)
            self._row, self._row_start, self._end = row, self._end, self._end + len(text)

    def _replace_last(self, text: bytes) -> None:
        """Put a line in the place of the last one, in one step: a process that is killed leaves one or the other."""
        self._file.flush()
        os.pwrite(self._file.fileno(), text, self._row_start)
        self._end = self._row_start + len(text)
        self._file.truncate(self._end)
        self._file.seek(self._end)


def _drop_later(path: Path, done: int) -> None:
    if path.exists():
        lines = [line.rstrip(b"\n") for line in read_lines(path)]
        kept = [rest for line in lines if (rest := _rest_of(line, done))]
        if kept != lines:
            write_atomically(path, "".join(f"{line.decode()}\n" for line in kept))


def _rest_of(line: bytes, done: int) -> bytes | None:
    """What stays of a line after `done` steps; None if nothing does."""
    try:
        step = LoggedStep.model_validate_json(line).step
    except ValidationError:
        return None  # the end of a line that a killed process did not finish
    if step < done:
        return line
    row = json.loads(line)
    kept = {key: value for key, value in row.items() if not key.startswith(REWRITTEN)}
    return json.dumps(kept).encode() if step == done and len(kept) > 1 else None
