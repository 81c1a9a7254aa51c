"""Show the data as training would see it: `python scripts/show_data.py --help` tells how."""

import sys

try:
    from exp.tools.show_data import main
except ModuleNotFoundError as error:
    if error.name not in ("exp", "hydra", "omegaconf"):
        raise
    sys.exit("exp is not installed in this Python: run `make run` once, then use .venv/bin/python")

if __name__ == "__main__":
    sys.exit(main())
