"""Long work: shown now and then, and left where a signal asks."""

import io
import os
import signal

import pytest

from exp.system.signals import Stopped, StopRequest, leaving_long_work, left_at_once
from exp.terminal import progress
from exp.terminal.plain_console import PlainConsole
from exp.terminal.progress import track


@pytest.fixture(params=[False, True], ids=["pipe", "terminal"])
def shown(request) -> PlainConsole:
    return PlainConsole(file=io.StringIO(), force_terminal=request.param, width=100)


def test_work_is_left_between_two_items(shown):
    done = []

    def count() -> None:
        for number in track(range(10), total=10, what="counting", console=shown):
            done.append(number)
            if number == 3:
                os.kill(os.getpid(), signal.SIGTERM)

    with StopRequest(), pytest.raises(Stopped):
        count()
    assert done == [0, 1, 2, 3]


def test_work_is_not_begun_where_a_signal_has_come(shown):
    with StopRequest() as stop:
        stop.ask(signal.SIGTERM)
        items = iter(lambda: pytest.fail("was begun"), 0)
        with pytest.raises(Stopped):
            list(track(items, total=1, what="counting", console=shown))


def test_work_that_others_rely_on_is_done_first(shown):
    with StopRequest() as stop, leaving_long_work(False):
        stop.ask(signal.SIGTERM)
        assert list(track(range(3), total=3, what="counting", console=shown)) == [0, 1, 2]
        with left_at_once():
            pass


def test_work_of_others_code_is_left_wherever_it_is():
    def work() -> None:
        with left_at_once():
            os.kill(os.getpid(), signal.SIGTERM)
            pytest.fail("went on")

    with StopRequest(), pytest.raises(Stopped):
        work()


def test_lines_come_now_and_then(monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0)
    text = io.StringIO()
    console = PlainConsole(file=text, soft_wrap=True)
    assert list(track(range(2), total=2, what="counting", console=console)) == [0, 1]
    assert [line.partition(",")[0] for line in text.getvalue().splitlines()] == ["counting: 1 of 2", "counting: 2 of 2"]
