"""The run's figures: `metrics.jsonl`, and the same for TensorBoard, directly in the run folder.

An event file is a TFRecord file of `Event` messages, which TensorFlow's own writer writes; building the messages here
costs a tenth of `tf.summary.scalar`, and works the same in every execution mode.
"""

import itertools
import json
import math
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from pydantic import ValidationError
from tensorboard.plugins.hparams.api_pb2 import STATUS_FAILURE, STATUS_SUCCESS, STATUS_UNKNOWN
from tensorboard.plugins.hparams.metadata import PLUGIN_NAME, SESSION_END_INFO_TAG, SESSION_START_INFO_TAG
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo
from tensorflow.core.framework.summary_pb2 import Summary
from tensorflow.core.util.event_pb2 import Event

from exp.config import yaml_text
from exp.loggers.collect import kind_of
from exp.loggers.event_values import picture_of, values_of
from exp.run_folder.names import EVENTS, METRICS
from exp.run_folder.schema import Row
from exp.system.files import naming, open_regular, write_atomically
from exp.system.safe_files import read_lines

TRAINING_LOSS = "train/loss"
MADE_AGAIN = ("test/", "train/batches")
"""Tags of what is made again where a run goes on from a step: a test after it may have been cut off."""
WAITING = 2
"""Sets of own figures that may wait to be written: they can be as large as the model."""


class SummaryWriter:
    """Appends to both files. One line and one event a step, steps in rising order."""

    def __init__(self, folder: Path, *, done: int) -> None:
        """Go on after `done` steps: what an earlier, killed process logged of later ones is dropped.

        Of the last step itself all stays that is not made again: a test after it may have been cut off.
        """
        _drop_later_events(folder, done)
        metrics = folder / METRICS
        _drop_later_lines(metrics, done)
        started = time.time()
        stem = f"{EVENTS}{int(started)}.{socket.gethostname()}.{os.getpid()}"
        names = (folder / f"{stem}.{number}" for number in itertools.count())
        self._events = tf.io.TFRecordWriter(str(next(path for path in names if not path.exists())))
        self._events.write(Event(wall_time=started, file_version="brain.Event:2").SerializeToString())
        self._metrics = metrics
        self._lines = os.fdopen(open_regular(metrics, os.O_WRONLY | os.O_CREAT | os.O_APPEND), "ab")
        # The last line of an earlier process, so that a test of that step joins it.
        last, self._row_start, self._end = b"", 0, 0
        for line in read_lines(metrics):
            last, self._row_start, self._end = line, self._end, self._end + len(line)
        self._row: dict[str, Any] = json.loads(last) if last else {}
        # Training does not wait for its log: a thread writes, in the order of the calls.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="summary")
        self._pending: list[Future[None]] = []
        self._room = threading.BoundedSemaphore(WAITING)

    def losses(self, rows: Sequence[tuple[int, float, int]]) -> None:
        """Mean training losses of global batches: (step, loss, epoch) each."""
        self._later(self._losses, rows)

    def test(self, step: int, figures: Mapping[str, float]) -> None:
        """What a test after a step gave, such as `test/accuracy`; it joins the line of that step."""
        self._later(self._test, step, dict(figures))

    def picture(self, step: int, tag: str, picture: Any) -> None:
        """A picture for TensorBoard's Images tab: (height, width, 1 or 3) uint8."""
        self._later(self._event, step, Summary(value=[Summary.Value(tag=tag, image=picture_of(picture))]))

    def figures(self, step: int, figures: Mapping[str, Any]) -> None:
        """The run's own figures after a step, as `exp.summary` collects them; scalars join the line of that step.

        Arrays may be large: where several steps' figures wait to be written, this waits too.
        """
        self._room.acquire()
        self._later(self._figures, step, dict(figures))

    def histograms(self, step: int, arrays: Mapping[str, Any]) -> None:
        """The distributions of arrays after a step, by tag."""
        self._room.acquire()
        self._later(self._figures, step, {f"histogram/{tag}": array for tag, array in arrays.items()})

    def graph(self, graph: Any) -> None:
        """A `tf.Graph` for TensorBoard's Graphs tab."""
        definition = graph.as_graph_def().SerializeToString()
        event = Event(wall_time=time.time(), graph_def=definition)
        self._later(lambda: self._events.write(event.SerializeToString()))

    def hparams(self, config: Mapping[str, Any]) -> None:
        """The configuration, by dotted key, for TensorBoard's HParams tab; it shows those keys first that differ."""
        info = SessionStartInfo(start_time_secs=time.time())
        for key, value in config.items():
            if isinstance(value, bool):
                info.hparams[key].bool_value = value
            elif isinstance(value, int | float):
                info.hparams[key].number_value = value
            else:
                info.hparams[key].string_value = yaml_text(value)
        self._for_hparams(0, SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=info))

    def ended(self, step: int, status: str) -> None:
        """How the run ended, for the same tab."""
        kind = {"completed": STATUS_SUCCESS, "interrupted": STATUS_UNKNOWN}.get(status, STATUS_FAILURE)
        info = SessionEndInfo(status=kind, end_time_secs=time.time())
        self._for_hparams(step, SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=info))

    def flush(self) -> None:
        """Hand everything to the operating system.

        Raises:
            OSError, tf.errors.OpError: something could not be written, now or earlier.
        """
        self._later(self._flush)
        pending, self._pending = self._pending, []
        for one in pending:
            with naming(self._metrics):
                one.result()

    def close(self) -> None:
        """Write what is left, and close both files."""
        try:
            self.flush()
        finally:
            self._thread.shutdown()
            with naming(self._metrics):
                self._lines.close()
            self._events.close()

    def _later(self, write: Callable[..., None], *arguments: Any) -> None:
        """Have the thread write something, after all that came before it."""
        self._pending = [one for one in self._pending if not one.done() or one.exception()]
        self._pending.append(self._thread.submit(write, *arguments))

    def _losses(self, rows: Sequence[tuple[int, float, int]]) -> None:
        for step, loss, epoch in rows:
            self._line(step, {"loss": loss, "epoch": epoch})
            self._scalars(step, {TRAINING_LOSS: loss})

    def _test(self, step: int, figures: Mapping[str, float]) -> None:
        self._line(step, figures)
        self._scalars(step, figures)

    def _figures(self, step: int, figures: Mapping[str, Any]) -> None:
        try:
            arrays = {key: np.asarray(value) for key, value in figures.items()}
        finally:
            self._room.release()
        scalars = {
            key.partition("/")[2]: float(value.item()) for key, value in arrays.items() if kind_of(key) == "scalar"
        }
        if scalars:
            self._line(step, scalars)
        self._event(step, Summary(value=[value for key, array in arrays.items() for value in values_of(key, array)]))

    def _flush(self) -> None:
        self._lines.flush()
        self._events.flush()

    def _line(self, step: int, figures: Mapping[str, float]) -> None:
        if self._row.get("step") == step:
            self._lines.flush()
            self._lines.truncate(self._row_start)
            self._end = self._lines.seek(0, os.SEEK_END)
        else:
            self._row = {"step": step}
        # JSON has no NaN: a loss that is not finite is null here, and NaN in the event file.
        self._row.update({name: value if math.isfinite(value) else None for name, value in figures.items()})
        text = json.dumps(self._row).encode() + b"\n"
        self._lines.write(text)
        self._row_start, self._end = self._end, self._end + len(text)

    def _scalars(self, step: int, figures: Mapping[str, float]) -> None:
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in figures.items()]
        self._event(step, Summary(value=values))

    def _for_hparams(self, step: int, tag: str, content: HParamsPluginData) -> None:
        value = Summary.Value(tag=tag)
        value.metadata.plugin_data.plugin_name = PLUGIN_NAME
        value.metadata.plugin_data.content = content.SerializeToString()
        value.tensor.dtype = tf.float32.as_datatype_enum  # TensorBoard drops a value that is nothing at all
        value.tensor.tensor_shape.dim.add(size=0)
        self._later(self._event, step, Summary(value=[value]))

    def _event(self, step: int, summary: Summary) -> None:
        self._events.write(Event(wall_time=time.time(), step=step, summary=summary).SerializeToString())


def _drop_later_events(folder: Path, done: int) -> None:
    for path in sorted(folder.glob(f"{EVENTS}*")):
        records, torn = _records(path)
        kept = [part for record in records if (part := _before(record, done))]
        if torn or kept != records:
            temporary = path.with_name(f".{path.name}.tmp")
            with tf.io.TFRecordWriter(str(temporary)) as writer:
                for record in kept:
                    writer.write(record)
            temporary.replace(path)


def _before(record: bytes, done: int) -> bytes | None:
    """What stays of an event; None if nothing does."""
    try:
        event = Event.FromString(record)
    except DecodeError:
        return None
    if event.step < done or not event.summary.value:
        return record if event.step <= done else None
    values = [value for value in event.summary.value if event.step == done and not value.tag.startswith(MADE_AGAIN)]
    if not values:
        return None
    stays = Event(wall_time=event.wall_time, step=event.step, summary=Summary(value=values))
    return bytes(stays.SerializeToString())


def _records(path: Path) -> tuple[list[bytes], bool]:
    """The whole records of a TFRecord file, and whether it ends within one: a killed process did not finish it."""
    records: list[bytes] = []
    try:
        for record in tf.data.TFRecordDataset(str(path)):
            records.append(record.numpy())
    except tf.errors.DataLossError:
        return records, True
    return records, False


def _drop_later_lines(path: Path, done: int) -> None:
    if path.exists():
        lines = [line.rstrip(b"\n") for line in read_lines(path)]
        kept = [part for line in lines if (part := _line_before(line, done))]
        if kept != lines:
            write_atomically(path, "".join(f"{line.decode()}\n" for line in kept))


def _line_before(line: bytes, done: int) -> bytes | None:
    """What stays of a line; None if nothing does."""
    try:
        step = Row.model_validate_json(line).step
    except ValidationError:
        return None  # the end of a line that a killed process did not finish
    if step < done:
        return line
    row = json.loads(line)
    own = {key: value for key, value in row.items() if not key.startswith(MADE_AGAIN)}
    return json.dumps(own).encode() if step == done and len(own) > 1 else None
