"""Several command lines of `run.py`, one after the other in one process; how they ended goes to `many_lines.json`.

python -m tests.support.many_lines LINES, with a JSON list of lists of arguments
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any


def main() -> None:
    """Run them all."""
    done = [outcome(arguments) for arguments in json.loads(sys.argv[1])]
    Path("many_lines.json").write_text(json.dumps(done))


def outcome(arguments: list[str]) -> dict[str, Any]:
    """Run a command line; returns its exit status and what it said."""
    from exp.cli.main import main as command

    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        sys.argv, sys.stdout, sys.stderr = ["run.py", *arguments], output, errors
        try:
            status = command()
        except SystemExit as leave:
            status = leave.code if isinstance(leave.code, int) else 1
        finally:
            sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
        output.seek(0)
        errors.seek(0)
        return {"arguments": arguments, "status": status, "output": output.read(), "errors": errors.read()}


if __name__ == "__main__":
    main()
