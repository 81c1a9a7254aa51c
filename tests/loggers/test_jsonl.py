"""The lines of metrics.jsonl: which kinds they hold, and what is told of a file that cannot be written."""

import errno
import json

import numpy as np
import pytest

from exp.loggers.jsonl import JsonlLogger
from exp.loggers.logger import LossRow


def rows(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_scalars_among_the_summaries_join_the_line_of_their_step(tmp_path):
    logger = JsonlLogger(tmp_path, done=0)
    logger.losses([LossRow(10, 0.5, 0)])
    logger.summaries(10, {"scalar/a/b": np.float32(2), "histogram/c": np.zeros(3)})
    logger.summaries(20, {"histogram/c": np.zeros(3)})
    logger.close()
    assert rows(tmp_path) == [{"step": 10, "loss": 0.5, "epoch": 0, "a/b": 2.0}]


def test_what_has_no_place_in_a_line_is_ignored(tmp_path):
    logger = JsonlLogger(tmp_path, done=0)
    logger.hparams({"seed": 0})
    logger.histograms(1, {"weights/x": np.zeros(3)})
    logger.image(1, "test/worst", np.zeros((1, 1, 3), np.uint8))
    logger.graph("a graph")
    logger.ended(1, "completed")
    logger.close()
    assert rows(tmp_path) == []


def test_an_error_names_the_file(tmp_path):
    class Full:
        """A file on a disk that has no room."""

        def write(self, text):
            raise OSError(errno.ENOSPC, "No space left on device")

    logger = JsonlLogger(tmp_path, done=0)
    logger._file.close()
    logger._file = Full()
    with pytest.raises(OSError, match="No space left") as caught:
        logger.losses([LossRow(10, 0.5, 0)])
    assert caught.value.filename == str(tmp_path / "metrics.jsonl")
