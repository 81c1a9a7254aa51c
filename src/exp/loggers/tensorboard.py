"""The event file for TensorBoard, directly in the run folder. Imports TensorFlow.

An event file is a TFRecord file of `Event` messages, which TensorFlow's own writer writes. Building the messages here
costs a tenth of `tf.summary.scalar`, and works the same in every execution mode.
"""

import itertools
import os
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.framework.summary_pb2 import Summary
from tensorflow.core.util.event_pb2 import Event

from exp.loggers.event_values import (
    end_value,
    histogram_values,
    hparams_value,
    image_value,
    scalar_value,
    summary_values,
)
from exp.loggers.logger import REWRITTEN, LossRow
from exp.run_folder.names import EVENTS

TRAINING_LOSS = "train/loss"


class TensorBoardLogger:
    """A `Logger` that writes one event for each call, and for each loss."""

    def __init__(self, folder: Path, *, done: int) -> None:
        """Begin a new event file; what an earlier, killed process logged after `done` steps is dropped from its own."""
        _drop_later(folder, done)
        started = time.time()
        stem = f"{EVENTS}{int(started)}.{socket.gethostname()}.{os.getpid()}"
        names = (folder / f"{stem}.{number}" for number in itertools.count())
        self._file = tf.io.TFRecordWriter(str(next(path for path in names if not path.exists())))
        self._write(Event(wall_time=started, file_version="brain.Event:2"))

    def losses(self, rows: Sequence[LossRow]) -> None:
        """Write an event for each loss; an epoch has no place in it."""
        for row in rows:
            losses = {TRAINING_LOSS: row.loss, **row.tagged()}
            self._values(row.step, [scalar_value(tag, value) for tag, value in losses.items()])

    def metrics(self, step: int, metrics: Mapping[str, float]) -> None:
        """Write the metrics under their names."""
        self._values(step, [scalar_value(tag, value) for tag, value in metrics.items()])

    def summaries(self, step: int, summaries: Mapping[str, Any]) -> None:
        """Write what the model logs itself, of every kind."""
        self._values(step, [value for key, array in summaries.items() for value in summary_values(key, array)])

    def histograms(self, step: int, arrays: Mapping[str, Any]) -> None:
        """Write the distribution of each array."""
        self._values(step, [value for tag, array in arrays.items() for value in histogram_values(tag, array)])

    def image(self, step: int, tag: str, image: Any) -> None:
        """Write an image for the Images tab."""
        self._values(step, [image_value(tag, image)])

    def graph(self, definition: Any) -> None:
        """Write a graph for the Graphs tab."""
        self._write(Event(wall_time=time.time(), graph_def=definition.SerializeToString()))

    def hparams(self, config: Mapping[str, Any]) -> None:
        """Write the configuration for the HParams tab, which shows those keys first that differ."""
        self._values(0, [hparams_value(config)])

    def ended(self, step: int, status: str) -> None:
        """Write how the run ended, for the HParams tab."""
        self._values(step, [end_value(status)])

    def flush(self) -> None:
        """Hand all events to the operating system.

        Raises:
            tf.errors.OpError: they cannot be written.
        """
        self._file.flush()

    def close(self) -> None:
        """Write what is left, and close the file."""
        self._file.close()

    def _values(self, step: int, values: list[Any]) -> None:
        self._write(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))

    def _write(self, event: Event) -> None:
        self._file.write(event.SerializeToString())


def _drop_later(folder: Path, done: int) -> None:
    for path in sorted(folder.glob(f"{EVENTS}*")):
        records, torn = _records(path)
        kept = [rest for record in records if (rest := _rest_of(record, done))]
        if torn or kept != records:
            temporary = path.with_name(f".{path.name}.tmp")
            with tf.io.TFRecordWriter(str(temporary)) as writer:
                for record in kept:
                    writer.write(record)
            temporary.replace(path)


def _rest_of(record: bytes, done: int) -> bytes | None:
    """What stays of an event after `done` steps; None if nothing does."""
    try:
        event = Event.FromString(record)
    except DecodeError:
        return None
    if event.step < done or not event.summary.value:
        return record if event.step <= done else None
    values = [value for value in event.summary.value if event.step == done and not value.tag.startswith(REWRITTEN)]
    if not values:
        return None
    rest = Event(wall_time=event.wall_time, step=event.step, summary=Summary(value=values))
    return bytes(rest.SerializeToString())


def _records(path: Path) -> tuple[list[bytes], bool]:
    """The whole records of a TFRecord file, and whether it ends within one, which a killed process did not finish."""
    records: list[bytes] = []
    try:
        for record in tf.data.TFRecordDataset(str(path)):
            records.append(record.numpy())
    except tf.errors.DataLossError:
        return records, True
    return records, False
