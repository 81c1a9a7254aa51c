"""Make a project: `python scripts/new.py --help` tells how."""

import sys

try:
    from exp.tools.new import main
except ModuleNotFoundError as error:
    if error.name not in ("exp", "hydra", "omegaconf"):
        raise
    sys.exit("exp is not installed in this Python: run `make run` once, then use .venv/bin/python")

if __name__ == "__main__":
    sys.exit(main())
