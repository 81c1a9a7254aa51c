"""Whole command lines of `run.py` in processes of their own, some of them side by side, and what their runs left."""

import json
import os
import subprocess
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.programs import Program, Programs

AT_ONCE = 1 if "PYTEST_XDIST_WORKER" in os.environ else 2
"""How many command lines run at once: one a core, and each process of pytest-xdist has a core."""


@dataclass(frozen=True)
class Done:
    """How a command line ended."""

    arguments: Sequence[str]
    status: int
    output: str
    errors: str

    def check(self) -> "Done":
        """Fail with all that was said, unless the exit status is 0."""
        assert self.status == 0, f"{' '.join(self.arguments)}\n{self.output}\n{self.errors}"
        return self


class Jobs:
    """Runs command lines, each in a process of its own that need not import TensorFlow again."""

    def __init__(self, programs: Programs) -> None:
        """Nothing runs yet."""
        self._programs = programs
        self._pool = ThreadPoolExecutor(AT_ONCE)

    def __enter__(self) -> "Jobs":
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def run(self, *arguments: str, cwd: Path, program: str = "run.py", **environment: str) -> Done:
        """`python run.py ARGUMENTS` in a folder, or another program, to its end."""
        done = self._programs.run(program, *arguments, cwd=cwd, environment=environment)
        return Done(arguments, done.returncode, done.stdout, done.stderr)

    def start(self, arguments: Sequence[str], cwd: Path) -> "Future[Done]":
        """Begin `python run.py ARGUMENTS` in a folder, as soon as there is a core for it."""
        return self._pool.submit(self.run, *arguments, cwd=cwd)

    def start_many(self, lines: Sequence[Sequence[str]], cwd: Path) -> "Future[list[Done]]":
        """Begin several command lines, one after the other in one process; their devices must be the same."""
        return self._pool.submit(self._many, [list(line) for line in lines], cwd)

    def _many(self, lines: list[list[str]], cwd: Path) -> list[Done]:
        done = self._programs.run("-m", "tests.support.many_lines", json.dumps(lines), cwd=cwd)
        assert done.returncode == 0, done.stderr
        return [Done(**one) for one in json.loads((cwd / "many_lines.json").read_text())]

    def start_alone(
        self,
        arguments: Sequence[str],
        cwd: Path,
        *,
        die_at: int | None = None,
        wait_for: Path | None = None,
        said: Path | None = None,
        **environment: str,
    ) -> Program:
        """Begin `python run.py ARGUMENTS` at once; the process may be killed.

        Args:
            arguments: of the command line.
            cwd: the folder.
            die_at: the process kills itself in the call of this step.
            wait_for: nothing happens before there is such a file.
            said: the file for what is said; None: `output.txt` in the folder.
            environment: further variables.
        """
        more = [json.dumps(die_at), json.dumps(str(wait_for) if wait_for else None), *arguments]
        with (said or cwd / "output.txt").open("w") as output:
            program, streams = "tests.support.mortal_line", {"stdout": output.fileno(), "stderr": subprocess.STDOUT}
            return self._programs.start("-m", program, *more, cwd=cwd, environment=environment, **streams)


class Runs:
    """Runs in one folder, which begin when a test first asks for them."""

    def __init__(self, jobs: Jobs, folder: Path) -> None:
        """Nothing runs yet."""
        self._jobs, self.folder = jobs, folder
        self._done: dict[str, Done] = {}

    def get(self, name: str, *arguments: str) -> Path:
        """The folder of the run of that name; the arguments are always the same."""
        if name not in self._done:
            self._done[name] = self._jobs.run(*arguments, f"hydra.run.dir={self.folder / name}", cwd=self.folder)
        self._done[name].check()
        return self.folder / name


def results(folder: Path) -> dict[str, Any]:
    """`results.json` of a run."""
    return json.loads((folder / "results.json").read_text())


def losses(folder: Path) -> list[float]:
    """The losses of `metrics.jsonl`, in order; fails unless the steps rise."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    steps = [row["step"] for row in rows]
    assert steps == sorted(set(steps))
    return [row["loss"] for row in rows]


def metrics(folder: Path) -> list[dict[str, Any]]:
    """The lines of `metrics.jsonl`."""
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
