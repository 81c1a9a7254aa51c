"""Sweeps as a user starts them: `python run.py -m ...` in a session of its own, as under a terminal."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.programs import PROGRAMS, Program, Programs
from tests.support.root import ROOT


def start(*arguments: str, cwd: Path, programs: Programs = PROGRAMS, **environment: str) -> Program:
    """Begin a sweep."""
    more = {"PYTHONPATH": str(ROOT), **environment}
    return programs.start("run.py", "-m", *arguments, cwd=cwd, environment=more, new_session=True)


def sweep(
    *arguments: str, cwd: Path, programs: Programs = PROGRAMS, **environment: str
) -> subprocess.CompletedProcess[str]:
    """A sweep, to its end."""
    process = start(*arguments, cwd=cwd, programs=programs, **environment)
    output, errors = process.communicate(timeout=240)
    return subprocess.CompletedProcess(arguments, process.wait(), output, errors)


def start_real(*arguments: str, cwd: Path, **environment: str) -> subprocess.Popen[str]:
    """Begin a sweep in a process of Python's own, whose fork server is one, too; what it says goes to pipes."""
    command = [sys.executable, str(ROOT / "run.py"), "-m", *arguments]
    clean = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.Popen(
        command,
        cwd=cwd,
        env={**clean, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def sweep_really(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The same, to its end."""
    process = start_real(*arguments, cwd=cwd, **environment)
    output, errors = process.communicate(timeout=240)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def ledger(folder: Path) -> dict[str, dict[str, Any]]:
    """The jobs of `sweep.json` by name."""
    return {job["name"]: job for job in json.loads((folder / "sweep.json").read_text())["jobs"]}


def statuses(folder: Path) -> dict[str, str]:
    """Of the jobs of `sweep.json`."""
    return {name: job["status"] for name, job in ledger(folder).items()}


def wait_for(happened: Callable[[], bool], seconds: float = 60) -> None:
    """Fails if it does not happen."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
