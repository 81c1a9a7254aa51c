"""The command `exp`: `exp KEY=VALUE...` runs, and `exp COMMAND ...` is one of the programs beside it."""

import importlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence

from exp.terminal.commands import COMMANDS

_MODULES: Mapping[str, str] = {
    "new": "exp.tools.new",
    "compare": "exp.compare.main",
    "report": "exp.tools.report",
    "reproduce": "exp.tools.reproduce",
    "export": "exp.tools.export",
    "import": "exp.tools.import_checkpoint",
    "data": "exp.tools.show_data",
    "devices": "exp.tools.show_devices",
    "workers": "exp.tools.plan_workers",
}
"""Each has a `main` that reads `sys.argv`."""


def main() -> int:
    """Run this process's command line; returns the exit status."""
    # Until a run has begun, and can save, Ctrl-C just ends the program; in a shell's background it is ignored.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if _complete(sys.argv[1:], os.environ.get("COMP_LINE", "")):
        return 0
    first = sys.argv[1] if len(sys.argv) > 1 else ""
    if first in COMMANDS:
        sys.argv[:2] = [f"{sys.argv[0]} {first}"]  # what `--help` calls the program
        return int(importlib.import_module(_MODULES[first]).main())
    from exp.cli.main import main as run

    return run()


def _complete(arguments: Sequence[str], line: str) -> bool:
    """Tell a shell which commands begin as its line does; Hydra tells it the same of groups and keys.

    Args:
        arguments: as Hydra's scripts for the shells have them: `-sc query=bash`.
        line: that is to be completed.

    Returns:
        Whether that is all: behind a command stand names of files, which the shell completes itself.
    """
    if (
        len(arguments) != 2
        or arguments[0] not in ("-sc", "--shell-completion")
        or not arguments[1].startswith("query=")
    ):
        return False
    _, *words = line.split() or [""]
    if words and words[0] in COMMANDS and (len(words) > 1 or line.endswith(" ")):
        return True
    if len(words) < 2:
        begun = words[0] if words else ""
        for command in COMMANDS:
            if command.startswith(begun):
                print(command)
    return False


if __name__ == "__main__":
    sys.exit(main())
