"""A contestant of `benchmarks/gpu.py`, seen from outside: a process that answers requests, or is given up."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import ROOT

QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUNBUFFERED": "1"}
ENDED = None


class ContestantError(Exception):
    """A contestant cannot do what it was asked for; the text says why."""


class Contestant:
    """A process of `benchmarks.gpu_contestant`. While it waits, it uses neither a core nor the card."""

    def __init__(self, name: str, precision: str, *, folder: Path, python: Path | None = None) -> None:
        """Start it; the folder gets what its libraries say, and `python` is its interpreter if it is another one."""
        self._name = name
        self._said = folder / f"{name}, {precision}.txt"
        self._answers: queue.Queue[str | None] = queue.Queue()
        self._started: ContestantError | bool = False
        with self._said.open("w") as said:
            self._process = subprocess.Popen(
                [str(python or sys.executable), "-m", "benchmarks.gpu_contestant", name, precision],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                env={**os.environ, **QUIET},
                cwd=ROOT,
            )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def __enter__(self) -> "Contestant":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked again."""
        return self._process.poll() is None

    def wait_until_started(self, seconds: float) -> None:
        """Wait until it has imported what it needs.

        Raises:
            ContestantError: it cannot import that.
        """
        if isinstance(self._started, ContestantError):
            raise self._started
        if not self._started:
            try:
                self.answer(seconds)
            except ContestantError as failure:
                self._started = failure
                raise
            self._started = True

    def ask(self, request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """The answer to a request.

        Raises:
            ContestantError: it answers with an error, not in time, or not at all.
        """
        self.send(request)
        return self.answer(seconds)

    def send(self, request: Mapping[str, Any]) -> None:
        """Make a request, and do not wait.

        Raises:
            ContestantError: it has ended.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise ContestantError(self._end()) from error

    def answer(self, seconds: float) -> dict[str, Any]:
        """Wait for the answer to the last request. A process that gives none in time is ended.

        Raises:
            ContestantError: as for `ask`.
        """
        try:
            line = self._answers.get(timeout=max(0.0, seconds))
        except queue.Empty:
            self.close()
            raise ContestantError(f"took longer than {max(0.0, seconds):.0f} s") from None
        if line is ENDED:
            raise ContestantError(self._end())
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ContestantError(answer["error"])
        return answer

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.kill()
        self._process.wait()
        self._listener.join()
        with contextlib.suppress(OSError):  # a request that it never read
            self._process.stdin.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as answers:
            for line in answers:
                self._answers.put(line)
        self._answers.put(ENDED)

    def _end(self) -> str:
        """How the process ended, and the last that it said."""
        status = self._process.wait()
        lines = [line for line in self._said.read_text(errors="replace").splitlines() if line.strip()]
        return f"ended with status {status}{': ' + lines[-1].strip()[:300] if lines else ''}"
