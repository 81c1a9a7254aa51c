"""The command line as a process of another program, with which it ends: `python -m exp.tools.followed`."""

import os
import signal
import sys
import threading

from exp.tools.command import main


def _end_with_parent() -> None:
    """Stop in good order, with a checkpoint, once the other end of stdin is gone: whatever ended that program."""
    while os.read(0, 2**16):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it, and its children would
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.exit(main())
