"""A command line of `run.py` that waits until it may begin, and kills itself at a certain step.

python -m tests.support.mortal_line STEP FILE ARGUMENTS, with `null` where there is no step or file
"""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from tests.support.root import ROOT


def main() -> int:
    """Wait for the file, run the command line, and die in the call of the step."""
    die_at, wait_for = (json.loads(argument) for argument in sys.argv[1:3])
    sys.argv = [str(ROOT / "run.py"), *sys.argv[3:]]
    while wait_for and not Path(wait_for).exists():
        time.sleep(0.01)
    if die_at is not None:
        die_in_call_of(die_at)
    from exp.cli.main import main as command

    return command()


def die_in_call_of(step: int) -> None:
    """Nothing of this process is left after the call of a step, before anyone hears of it."""
    from exp.run.loop import Training

    after_call = Training.after_call

    def die(self: Any, first: int, losses: Any, details: Any) -> bool:
        if first + len(losses) >= step:
            self.checkpoints.wait()  # so that there is a checkpoint, on a slow machine too; others kill at any moment
            os.kill(os.getpid(), signal.SIGKILL)
        return after_call(self, first, losses, details)

    Training.after_call = die  # type: ignore[method-assign]


if __name__ == "__main__":
    sys.exit(main())
