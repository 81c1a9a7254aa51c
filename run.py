"""Train and test networks: `python run.py --help` tells how. The program itself is `exp.cli.main`."""

import signal
import sys

# Until a run has begun, and can save, Ctrl-C just ends the program; in a shell's background it is ignored.
if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

try:
    from exp.cli.main import main
except ModuleNotFoundError as error:
    if error.name not in ("exp", "hydra", "omegaconf"):
        raise
    sys.exit("exp is not installed in this Python: run `make run` once, then use .venv/bin/python run.py")

if __name__ == "__main__":
    sys.exit(main())
