"""The command `exp`: `exp KEY=VALUE...` runs, and `exp COMMAND ...` is one of the programs beside it."""

import importlib
import signal
import sys
from collections.abc import Mapping

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
    first = sys.argv[1] if len(sys.argv) > 1 else ""
    if first in COMMANDS:
        sys.argv[:2] = [f"{sys.argv[0]} {first}"]  # what `--help` calls the program
        return int(importlib.import_module(_MODULES[first]).main())
    from exp.cli.main import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
