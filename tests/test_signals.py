"""The first signal asks, the second one ends the process."""

import os
import signal
import subprocess
import sys

from exp.signals import StopRequest


def test_remembers_the_first_signal_and_restores_the_handlers():
    before = signal.getsignal(signal.SIGTERM)
    with StopRequest() as stop:
        assert stop.signal is None
        assert stop.exit_status == 0
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.signal == signal.SIGTERM
        assert stop.exit_status == 143
    assert signal.getsignal(signal.SIGTERM) is before


def test_slurms_signals_ask_and_do_not_insist(monkeypatch):
    """One ahead of the time limit, then SIGTERM: the second one is no impatience, and SIGUSR2 is not deadly."""
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


def test_a_second_signal_leaves_at_once():
    code = (
        "import os, signal\n"
        "from exp.signals import StopRequest\n"
        "with StopRequest():\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    print('asked', flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    print('still here', flush=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (130, "asked\n")
