"""`exp.train(OVERRIDES)`: a run from a notebook or a program, in a process of its own, as the command line does it."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from exp.compare.as_data import runs
from exp.errors import RunFailed, UserError
from exp.run_folder import names
from exp.terminal.commands import FOLDER_VARIABLE
from exp.tools.program import check_overrides


def train(overrides: Sequence[str] = (), *, quiet: bool = False) -> dict[str, Any]:
    """Do a run, and wait for it. What it says is printed.

    It is the run that `exp OVERRIDES` is, in a process of its own: nothing that this process did before changes it. An
    interrupt (Ctrl-C, or that of a notebook) has it save a checkpoint and end.

    Args:
        overrides: as on the command line, such as `["model=cnn", "train.steps=500"]`, `["resume=RUN_DIR"]`, or
            `["mode=test", "run=RUN_DIR"]`.
        quiet: print nothing.

    Returns:
        The run as `exp.runs` gives it: `run` (its folder), its results, configuration and manifest by dotted key.

    Raises:
        UserError: an override is wrong; nothing was written then.
        RunFailed: the run failed or diverged; the message has its folder, where its log and checkpoints are.
        KeyboardInterrupt: it was interrupted; what is printed says how it is resumed.
    """
    check_overrides(overrides, such_as="model=cnn")
    status, errors, folder = _do(overrides, quiet=quiet)
    if status == 2 or folder is None:
        raise UserError(errors or "the run could not begin")
    if status == 130:
        print(f"interrupted; go on: exp.train([{f'resume={folder}'!r}])")
        raise KeyboardInterrupt
    (row,) = runs(folder)
    if status:
        why = row.get("error") or row.get("status")
        raise RunFailed(f"{folder}: {why}; the log is {folder / names.LOG}")
    found: dict[str, Any] = row
    return found


def _do(overrides: Sequence[str], *, quiet: bool) -> tuple[int, str, Path | None]:
    """Run the command line; returns its exit status, what it said on stderr, and the folder of its run."""
    command = [sys.executable, "-P", "-m", "exp.tools.followed", *overrides]
    with tempfile.TemporaryDirectory() as place:
        told = Path(place) / "folder"
        with (Path(place) / "errors").open("w+", errors="replace") as errors:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,  # its end is that of this program: the run stops in good order then
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                errors="replace",
                env={**os.environ, "PYTHONUNBUFFERED": "1", FOLDER_VARIABLE: str(told)},
                start_new_session=True,  # an interrupt reaches it once, from here
            )
            status = _followed(process, quiet=quiet)
            errors.seek(0)
            return status, errors.read().strip(), Path(told.read_text()) if told.exists() else None


def _followed(process: "subprocess.Popen[str]", *, quiet: bool) -> int:
    """Show what a process says until it ends; returns its exit status. It never goes on alone."""
    assert process.stdout is not None
    try:
        while True:
            try:
                for line in process.stdout:
                    if not quiet:
                        _show(line)
                return process.wait()
            except KeyboardInterrupt:
                process.send_signal(signal.SIGINT)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.communicate()
        if process.stdin is not None:
            process.stdin.close()


def _show(line: str) -> None:
    """Print a line, also where not all of its letters can be."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(line.encode(encoding, "backslashreplace").decode(encoding), end="", flush=True)
