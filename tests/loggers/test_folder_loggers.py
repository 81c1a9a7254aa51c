"""What lies on disk: the same in metrics.jsonl and for TensorBoard, each step once, also after a killed process."""

import json
import math

import numpy as np
import pytest

from exp.loggers.folder_loggers import file_loggers
from exp.loggers.logger import Loggers, LossRow


def rows(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def scalars(folder, tag):
    """What TensorBoard reads."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(folder))
    accumulator.Reload()
    return [(event.step, event.value) for event in accumulator.Scalars(tag)]


@pytest.fixture
def write(tf, tmp_path):
    def _write(steps, *, done=0):
        writer = Loggers(file_loggers(tmp_path, done=done))
        for step in steps:
            writer.losses([LossRow(step, step / 2, 0)])
        return writer

    return _write


def test_both_files_tell_the_same(write, tmp_path):
    writer = write([10, 20])
    writer.metrics(20, {"test/loss": 0.25, "test/accuracy": 0.5})
    writer.close()
    assert rows(tmp_path) == [
        {"step": 10, "loss": 5.0, "epoch": 0},
        {"step": 20, "loss": 10.0, "epoch": 0, "test/loss": 0.25, "test/accuracy": 0.5},
    ]
    assert scalars(tmp_path, "train/loss") == [(10, 5.0), (20, 10.0)]
    assert scalars(tmp_path, "test/accuracy") == [(20, 0.5)]
    assert len(list(tmp_path.glob("events.out.tfevents.*"))) == 1


def test_a_loss_that_is_not_finite_is_null_in_json(write, tmp_path):
    writer = write([])
    writer.losses([LossRow(3, math.nan, 0)])
    writer.close()
    assert rows(tmp_path) == [{"step": 3, "loss": None, "epoch": 0}]
    assert math.isnan(scalars(tmp_path, "train/loss")[0][1])


def test_what_was_flushed_survives_the_process(write, tmp_path):
    writer = write([10])
    writer.flush()
    assert rows(tmp_path) == [{"step": 10, "loss": 5.0, "epoch": 0}]
    assert scalars(tmp_path, "train/loss") == [(10, 5.0)]
    writer.close()


def test_what_came_after_the_checkpoint_is_dropped(write, tmp_path):
    write([10, 20, 30]).close()
    write([30, 40], done=20).close()
    assert [row["step"] for row in rows(tmp_path)] == [10, 20, 30, 40]
    assert scalars(tmp_path, "train/loss") == [(10, 5.0), (20, 10.0), (30, 15.0), (40, 20.0)]


def test_half_written_ends_are_dropped(write, tmp_path):
    write([10, 20]).close()
    for name in ("metrics.jsonl", next(tmp_path.glob("events*")).name):
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[:-5])
    write([20], done=10).close()
    assert [row["step"] for row in rows(tmp_path)] == [10, 20]
    assert scalars(tmp_path, "train/loss") == [(10, 5.0), (20, 10.0)]


def test_pictures_are_shown_as_they_are(tf, write, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    picture = np.random.default_rng(0).integers(0, 256, (5, 4, 3), np.uint8)
    writer = write([])
    writer.image(0, "train/batches", picture)
    writer.close()
    accumulator = EventAccumulator(str(tmp_path))
    accumulator.Reload()
    (event,) = accumulator.Images("train/batches")
    assert (event.width, event.height) == (4, 5)
    np.testing.assert_array_equal(tf.io.decode_png(event.encoded_image_string), picture)


def test_a_line_that_is_added_to_is_never_away(tf, tmp_path):
    """A process that is killed at any moment leaves the line as it was, or as it will be."""
    from exp.loggers.jsonl import JsonlLogger

    logger = JsonlLogger(tmp_path, done=0)
    logger.losses([LossRow(10, 5.0, 0)])
    logger.close()
    resumed = JsonlLogger(tmp_path, done=10)
    resumed.metrics(10, {"validation/loss": 0.25})
    assert rows(tmp_path) == [{"step": 10, "loss": 5.0, "epoch": 0, "validation/loss": 0.25}]
    resumed.losses([LossRow(20, 4.0, 0)])
    resumed.metrics(20, {"validation/loss": 0.125})
    resumed.metrics(20, {"validation/loss": 1.0})
    resumed.close()
    assert rows(tmp_path)[1:] == [{"step": 20, "loss": 4.0, "epoch": 0, "validation/loss": 1.0}]
