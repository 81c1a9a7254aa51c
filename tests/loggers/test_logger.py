"""None, one or several loggers behind one: the order of the calls, errors, and how many large ones may wait."""

import threading
import time

import numpy as np
import pytest

from exp.loggers.logger import MOST_WAITING, Logger, Loggers, LossRow


class Recorder:
    """A logger that notes what it is told, in a list that it may share with others."""

    def __init__(self, name="", noted=None):
        self.name, self.noted = name, [] if noted is None else noted
        self.fails: Exception | None = None

    def note(self, what, *content):
        self.noted.append((self.name, what, *content) if self.name else (what, *content))
        if self.fails:
            raise self.fails

    def losses(self, rows):
        self.note("losses", *rows)

    def metrics(self, step, metrics):
        self.note("metrics", step, metrics)

    def summaries(self, step, summaries):
        self.note("summaries", step, summaries)

    def histograms(self, step, arrays):
        self.note("histograms", step, arrays)

    def image(self, step, tag, image):
        self.note("image", step, tag)

    def graph(self, definition):
        self.note("graph")

    def hparams(self, config):
        self.note("hparams")

    def ended(self, step, status):
        self.note("ended", step, status)

    def flush(self):
        self.note("flush")

    def close(self):
        self.note("close")


def tell_everything(logger: Logger) -> None:
    logger.hparams({"seed": 0})
    logger.losses([LossRow(10, 0.5, 0)])
    logger.summaries(10, {"scalar/x": 1})
    logger.histograms(10, {"weights/x": [1.0]})
    logger.metrics(10, {"test/loss": 0.25})
    logger.image(10, "test/worst", np.zeros((1, 1, 3), np.uint8))
    logger.graph("a graph")
    logger.ended(10, "completed")
    logger.close()


ORDER = [
    "hparams",
    "losses",
    "summaries",
    "histograms",
    "metrics",
    "image",
    "graph",
    "ended",
    "flush",
    "close",
]


def test_each_logger_is_told_everything_in_order():
    one, two = Recorder(), Recorder()
    tell_everything(Loggers([one, two]))
    assert [entry[0] for entry in one.noted] == [entry[0] for entry in two.noted] == ORDER


def test_one_queue_keeps_the_order_across_loggers():
    noted = []
    logger = Loggers([Recorder("one", noted), Recorder("two", noted)])
    logger.losses([LossRow(1, 0.5, 0)])
    logger.metrics(1, {"test/loss": 0.5})
    logger.close()
    assert [entry[:2] for entry in noted] == [
        ("one", "losses"),
        ("two", "losses"),
        ("one", "metrics"),
        ("two", "metrics"),
        ("one", "flush"),
        ("two", "flush"),
        ("one", "close"),
        ("two", "close"),
    ]


def test_loggers_are_a_logger_themselves():
    recorder = Recorder()
    tell_everything(Loggers([Loggers([recorder]), Loggers([])]))
    assert list(dict.fromkeys(entry[0] for entry in recorder.noted)) == ORDER  # closing flushes once more


def test_without_loggers_no_thread_begins_and_nothing_is_asked_of_the_values():
    class Untouchable:
        def __array__(self, *args, **kwargs):
            raise AssertionError

    before = threading.active_count()
    logger = Loggers([])
    for step in range(2 * MOST_WAITING):
        logger.summaries(step, {"histogram/x": Untouchable()})
    logger.losses([LossRow(1, 0.5, 0)])
    logger.flush()
    assert threading.active_count() == before
    logger.close()


def test_what_is_logged_is_what_it_was_at_the_call():
    recorder = Recorder()
    logger, metrics = Loggers([recorder]), {"test/loss": 0.5}
    logger.metrics(1, metrics)
    metrics["test/loss"] = 9.0
    logger.flush()
    assert recorder.noted[0] == ("metrics", 1, {"test/loss": 0.5})
    logger.close()


def test_an_error_is_raised_by_the_next_flush_and_only_once():
    recorder = Recorder()
    logger = Loggers([recorder])
    recorder.fails = OSError("no room")
    logger.losses([LossRow(1, 0.5, 0)])
    logger.losses([LossRow(2, 0.5, 0)])
    with pytest.raises(OSError, match="no room"):
        logger.flush()
    recorder.fails = None
    logger.flush()
    logger.close()


def test_all_loggers_are_closed_after_an_error():
    recorder = Recorder()
    logger = Loggers([recorder])
    recorder.fails = OSError("no room")
    logger.losses([LossRow(1, 0.5, 0)])
    with pytest.raises(OSError, match="no room"):
        logger.close()
    assert recorder.noted[-1] == ("close",)


def test_large_values_wait_for_room_and_small_ones_do_not():
    begun, go_on = threading.Event(), threading.Event()

    class Slow:
        """An array that takes until it is told to be read."""

        def __array__(self, *args, **kwargs):
            begun.set()
            go_on.wait(20)
            return np.zeros(1)

    recorder = Recorder()
    logger = Loggers([recorder])
    for step in range(MOST_WAITING):
        logger.summaries(step, {"histogram/x": Slow()})
    assert begun.wait(20)
    started = time.monotonic()
    logger.losses([LossRow(1, 0.5, 0)])
    assert time.monotonic() - started < 5
    one_more = threading.Thread(target=logger.summaries, args=(9, {"histogram/x": Slow()}))
    one_more.start()
    one_more.join(0.2)
    assert one_more.is_alive()
    go_on.set()
    one_more.join(20)
    logger.close()
    assert [entry[1] for entry in recorder.noted if entry[0] == "summaries"] == [*range(MOST_WAITING), 9]
