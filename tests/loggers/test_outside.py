"""Outside loggers: whatever they do, a call returns at once, and the person is told once."""

import threading
import time

import numpy as np
import pytest

from exp.loggers import outside
from exp.loggers.logger import Logger, Loggers, LossRow
from exp.loggers.outside import OutsideLogger, OutsideLoggers


def row(step):
    return LossRow(step, step / 2, 0)


class Notes:
    """Notes what it is told; a call waits until it is let go."""

    def __init__(self):
        self.noted, self.go_on, self.called = [], threading.Event(), threading.Event()
        self.go_on.set()

    def losses(self, rows):
        self.called.set()
        self.go_on.wait()
        self.noted += [("loss", one.step) for one in rows]

    def flush(self):
        self.noted.append(("flush",))

    def close(self):
        self.noted.append(("close",))


@pytest.fixture
def said():
    return []


def end(*loggers):
    group = OutsideLoggers()
    group.all += loggers
    group.close()


def test_it_is_told_in_order_in_another_thread_and_closed_at_the_end(said):
    notes, threads = Notes(), []
    logger: Logger = OutsideLogger("x", lambda: threads.append(threading.current_thread()) or notes, say=said.append)
    for step in (1, 2):
        logger.losses([row(step)])
        logger.metrics(step, {"test/loss": 1.0})  # it has no method for that
    end(logger)
    told = [entry for entry in notes.noted if entry != ("flush",)]
    assert told == [("loss", 1), ("loss", 2), ("close",)]
    assert threads[0] is not threading.main_thread()
    assert threads[0].daemon
    assert said == []


def test_it_is_flushed_though_nothing_more_comes(said, monkeypatch):
    monkeypatch.setattr(outside, "SECONDS_TO_FLUSH", 0.01)
    notes = Notes()
    logger = OutsideLogger("x", lambda: notes, say=said.append)
    logger.losses([row(1)])
    until = time.monotonic() + 30
    while ("flush",) not in notes.noted:
        assert time.monotonic() < until
        time.sleep(0.01)
    end(logger)


@pytest.mark.parametrize("error", [OSError("no route"), SystemExit(1), KeyboardInterrupt()])
def test_one_that_fails_is_told_once_and_called_no_more(said, error):
    calls = []

    class Fails:
        def losses(self, rows):
            calls.append(rows)
            raise error

    logger = OutsideLogger("x", Fails, say=said.append)
    for step in (1, 2, 3):
        logger.losses([row(step)])
    end(logger)
    assert len(calls) == len(said) == 1
    assert said[0].startswith(f"logger x: failed: {type(error).__name__}")


def waiting(said: list[str]) -> tuple[Notes, OutsideLogger]:
    """A logger whose first call takes until it may go on."""
    notes = Notes()
    notes.go_on.clear()
    logger = OutsideLogger("x", lambda: notes, say=said.append)
    logger.losses([row(1)])
    notes.called.wait()
    return notes, logger


def test_one_that_does_not_keep_up_is_turned_off(said, monkeypatch):
    monkeypatch.setattr(outside, "MOST_CALLS", 4)
    notes, logger = waiting(said)
    for step in range(2, 20):
        logger.losses([row(step)])
    notes.go_on.set()
    end(logger)
    assert said == [
        "logger x: does not keep up; it is off for the rest of this run, and what was logged may not have arrived there"
    ]
    assert ("loss", 6) not in notes.noted


def test_large_arrays_do_not_pile_up(said, monkeypatch):
    monkeypatch.setattr(outside, "MOST_BYTES", 1000)
    notes, logger = waiting(said)
    logger.histograms(1, {"w": np.zeros(10_000)})  # one may be as large as it likes
    assert said == []
    logger.histograms(2, {"w": np.zeros(10)})
    assert len(said) == 1
    notes.go_on.set()


def test_one_that_hangs_is_told_at_the_next_call_after_a_while(said, monkeypatch):
    monkeypatch.setattr(outside, "SECONDS_TO_HANG", 0.0)
    notes, logger = waiting(said)
    time.sleep(0.01)
    for step in (2, 3):
        logger.losses([row(step)])
    assert len(said) == 1
    assert said[0].startswith("logger x: hangs: ")
    notes.go_on.set()


def test_at_the_end_nobody_waits_for_long(said, monkeypatch):
    monkeypatch.setattr(outside, "SECONDS_TO_END", 0.2)
    monkeypatch.setattr(outside, "SECONDS_UNTIL_TOLD", 0.1)
    never = threading.Event()
    loggers = [OutsideLogger(name, never.wait, say=said.append) for name in "xy"]
    end(*loggers)
    assert said[0] == "waiting up to 0 s for logger x"
    assert said[1].startswith("logger x: did not take everything in time; it is off")
    assert [line.partition(":")[0] for line in said].count("logger y") == 1
    never.set()


def test_files_are_closed_before_and_begun_again_without_it(said):
    class File(Notes):
        pass

    notes, first, second = Notes(), File(), File()
    logger = OutsideLogger("x", lambda: notes, say=said.append)
    loggers = Loggers([first], [logger])
    loggers.losses([row(1)])
    loggers.begin_again(lambda: [second])
    loggers.losses([row(2)])
    loggers.close()
    assert first.noted[-1] == second.noted[-1] == ("close",)
    assert ("close",) not in notes.noted
    end(logger)
    assert [entry for entry in notes.noted if entry != ("flush",)] == [("loss", 1), ("loss", 2), ("close",)]
