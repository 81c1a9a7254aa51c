"""Command lines, tried one after another in a process that composes and checks them, and runs nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

LONGEST = 1000
"""Characters of a sentence."""


class Tried:
    """A process that tries one line after another; another one takes its place if it dies."""

    def __init__(self, root: Path, cwd: Path) -> None:
        self._root, self._cwd = root, cwd
        self._start()

    def _start(self) -> None:
        command = [sys.executable, "-W", "ignore", "-m", "tests.support.fuzz_lines"]
        environment = {**os.environ, "PYTHONPATH": str(self._root)}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, cwd=self._cwd, env=environment, stdin=pipe, stdout=pipe, text=True)

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()

    def outcome(self, arguments: list[str]) -> dict[str, Any]:
        """How a line ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(arguments) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            self._start()
            return {"arguments": arguments, "status": None, "errors": "the process died"}
        return json.loads(answer)


def problem(done: dict[str, Any]) -> str | None:
    """What is wrong with how a line ended."""
    errors = done["errors"].splitlines()
    if done["status"] == 0:
        return None if not errors else "status 0, and yet something on stderr"
    if done["status"] != 2:
        return f"status {done['status']}"
    if "Traceback" in done["errors"] or not errors or not all(errors):
        return "no sentence"
    if max(len(line) for line in errors) > LONGEST:
        return "an endless sentence"
    return None
