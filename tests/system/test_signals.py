"""The first signal asks; a second Ctrl-C ends the process, if it is one."""

import os
import signal
import subprocess
import sys

import pytest

from exp.system import signals
from exp.system.signals import Stopped, StopRequest, check_current


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_remembers_the_first_signal_and_restores_the_handlers(number, status):
    before = signal.getsignal(number)
    with StopRequest() as stop:
        assert stop.signal is None
        assert stop.exit_status == 0
        os.kill(os.getpid(), number)
        assert stop.signal == number
        assert stop.exit_status == status
    assert signal.getsignal(number) is before


def test_signals_of_systems_are_no_impatience():
    """A process group's, its parent's, and one more: what is being saved is not cut off."""
    with StopRequest() as stop:
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            os.kill(os.getpid(), number)
        assert stop.exit_status == 143


def test_slurms_signals_ask_too(monkeypatch):
    """One ahead of the time limit, then SIGTERM: SIGUSR2 is not deadly."""
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    with StopRequest() as stop:
        for number in (signal.SIGUSR2, signal.SIGTERM, signal.SIGUSR1):
            os.kill(os.getpid(), number)
        assert stop.exit_status == 128 + signal.SIGUSR2


def test_what_was_asked_before_is_asked_of_an_inner_one():
    with StopRequest() as outer:
        os.kill(os.getpid(), signal.SIGTERM)
        with StopRequest() as inner:
            assert inner.signal == outer.signal == signal.SIGTERM


@pytest.mark.parametrize("number", signals.ASKING)
def test_what_was_ignored_at_the_start_stays_ignored(number):
    """As `nohup` does with SIGHUP; also where TensorFlow puts a handler of its own in its place."""
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with StopRequest() as stop:
            os.kill(os.getpid(), number)
            signal.signal(number, signal.default_int_handler)
            stop.insist()
            os.kill(os.getpid(), number)
            assert stop.signal is None
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)


TWICE = (
    "import os, signal, time\n"
    "from exp.system import signals\n"
    "with signals.StopRequest() as stop:\n"
    "    os.kill(os.getpid(), signal.SIGINT)\n"
    "    print('asked', flush=True)\n"
    "    signals.SECONDS_OF_ONE_KEY_PRESS = {}\n"
    "    os.kill(os.getpid(), signal.SIGINT)\n"
    "    print('still here', flush=True)\n"
)


def test_a_second_ctrl_c_leaves_at_once():
    done = subprocess.run([sys.executable, "-c", TWICE.format(0)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (130, "asked\n")


def test_one_key_press_that_comes_twice_is_one():
    done = subprocess.run([sys.executable, "-c", TWICE.format(60)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "asked\nstill here\n")


def test_long_work_is_left_where_the_innermost_request_was_asked():
    check_current()
    with StopRequest():
        check_current()
        with StopRequest():
            os.kill(os.getpid(), signal.SIGTERM)
            with pytest.raises(Stopped):
                check_current()
        check_current()
    check_current()
