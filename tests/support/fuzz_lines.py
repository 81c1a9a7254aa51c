"""Many command lines in one process, each as far as the work would begin: composed and checked, but not run.

    python -m tests.support.fuzz_lines < LINES > OUTCOMES

Both are JSON, one value a line: a list of arguments; how it ended. What would import TensorFlow or start processes is
left out, and counts as completed.
"""

import contextlib
import io
import json
import logging
import os
import re
import shutil
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Read lines until there are no more; everything is written in the current folder, which is emptied again."""
    results = os.fdopen(os.dup(1), "w")
    leave_work_out()
    for line in sys.stdin:
        results.write(json.dumps(outcome(json.loads(line))) + "\n")
        results.flush()


def leave_work_out() -> None:
    """Replace what a run or a sweep does once it is known to be possible."""
    import exp.cli.do_job
    from exp.sweep.local.backend import LocalBackend

    def no_run(request: Any, display: Any, *, started: float) -> int:
        del request, display, started
        return 0

    class NoPool:
        running: Sequence[Any] = ()

        def __init__(self, **options: Any) -> None:
            del options

        def run(self, jobs: Any, **told: Any) -> None:
            """The jobs stay as they are in the ledger: waiting, which ends a sweep with status 1."""

    exp.cli.do_job.run = no_run
    LocalBackend.pool = lambda self, **options: NoPool(**options)  # type: ignore[assignment, method-assign]


def outcome(arguments: list[str]) -> dict[str, Any]:
    """Exit status, stderr, and whether there is a traceback."""
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.hydra_config import HydraConfig

    from exp.cli.main import main as command

    here = Path.cwd()
    sys.argv = ["run.py", *arguments]
    said, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(errors):
        try:
            status = command()
        except SystemExit as leave:
            status = leave.code if isinstance(leave.code, int) else 1
        except BaseException:
            traceback.print_exc()
            status = 1
    GlobalHydra.instance().clear()
    HydraConfig.instance().cfg = None
    os.chdir(here)
    for handler in logging.getLogger().handlers[:]:
        logging.getLogger().removeHandler(handler)
        handler.close()
    for path in here.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    # A sweep whose jobs were left out.
    checked = status == 1 and re.search(r"^0 of \d+ jobs? completed", said.getvalue(), re.MULTILINE)
    return {"arguments": arguments, "status": 0 if checked else status, "errors": errors.getvalue()}


if __name__ == "__main__":
    main()
