"""Whole command lines in processes that are fresh, but need not import TensorFlow again.

A fork server imports TensorFlow and Keras once, without using them; each job is a fork of it, so that devices can be
set up anew. What the job does is `exp.cli.main.main`, as in `python run.py`.
"""

import json
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any


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
    """A pool of two workers; every job has a process of its own."""

    def __init__(self, root: Path) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tensorflow", "keras"])
        self._pool = ProcessPoolExecutor(max_workers=2, mp_context=self._context, max_tasks_per_child=1)
        self._root = root

    def __enter__(self) -> "Jobs":
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def start(self, arguments: Sequence[str], cwd: Path) -> "Future[Done]":
        """Begin `python run.py ARGUMENTS` in a folder."""
        return self._pool.submit(_work, str(self._root), [list(arguments)], str(cwd), first_only=True)

    def start_many(self, lines: Sequence[Sequence[str]], cwd: Path) -> "Future[list[Done]]":
        """Begin several command lines, one after the other in one process; their devices must be the same."""
        return self._pool.submit(_work, str(self._root), [list(line) for line in lines], str(cwd), first_only=False)

    def start_alone(
        self, arguments: Sequence[str], cwd: Path, *, die_at: int | None = None, wait_for: Path | None = None
    ) -> Any:
        """Begin `python run.py ARGUMENTS` in a process that may be killed; its exit code is the exit status.

        Args:
            arguments: of the command line.
            cwd: the folder; what is said goes to its `output.txt`.
            die_at: the process kills itself in the call of this step.
            wait_for: nothing happens before there is such a file.
        """
        arguments = (str(self._root), list(arguments), str(cwd), die_at, str(wait_for) if wait_for else None)
        process = self._context.Process(target=_work_alone, args=arguments)
        process.start()
        return process

    def run(self, *arguments: str, cwd: Path) -> Done:
        """`python run.py ARGUMENTS` in a folder, to its end."""
        return self.start(arguments, cwd).result()


def _work(root: str, lines: list[list[str]], cwd: str, *, first_only: bool) -> Any:
    os.chdir(cwd)
    done = [_one(Path(root), arguments) for arguments in lines]
    return done[0] if first_only else done


def _work_alone(root: str, arguments: list[str], cwd: str, die_at: int | None, wait_for: str | None) -> None:
    os.chdir(cwd)
    while wait_for and not Path(wait_for).exists():
        time.sleep(0.01)
    if die_at is not None:
        _die_at(die_at)
    done = _one(Path(root), arguments)
    Path("output.txt").write_text(done.output + done.errors)
    sys.exit(done.status)


def _die_at(step: int) -> None:
    """Nothing of this process is left after the call of a step, before anyone hears of it."""
    from exp.run.loop import Training

    after_call = Training.after_call

    def die(self: Any, first: int, losses: Any, details: Any) -> bool:
        if first + len(losses) >= step:
            self.checkpoints.wait()  # so that there is a checkpoint, on a slow machine too; others kill at any moment
            os.kill(os.getpid(), signal.SIGKILL)
        return after_call(self, first, losses, details)

    Training.after_call = die  # type: ignore[method-assign]


def _one(root: Path, arguments: list[str]) -> Done:
    from exp.cli.main import main

    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        sys.argv, sys.stdout, sys.stderr = ["run.py", *arguments], output, errors
        try:
            status = main(conf=root / "conf")
        except SystemExit as leave:
            status = leave.code if isinstance(leave.code, int) else 1
        finally:
            sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
        texts = []
        for file in (output, errors):
            file.seek(0)
            texts.append(file.read())
    return Done(arguments, status, *texts)


def results(folder: Path) -> dict[str, Any]:
    """`results.json` of a run."""
    return json.loads((folder / "results.json").read_text())


def losses(folder: Path) -> list[float]:
    """The losses of `metrics.jsonl`, in order; fails unless the steps rise."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    steps = [row["step"] for row in rows]
    assert steps == sorted(set(steps))
    return [row["loss"] for row in rows]
