"""A run's configuration for its model alone: built in one process, eagerly, whatever the run trained with."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from exp.config import Config
from exp.run_folder.stored import parse_stored

_PLAIN: dict[str, Any] = {
    "mode": "test",
    "exec": {
        "name": "function",
        "steps_per_call": 1,
        "jit_compile": False,
        "deterministic": "auto",
        "show_autograph": False,
        "profile": None,
    },
    "device": {"name": "all", "memory": "growth", "threads": None},
}


def without_training(run: Path, tree: dict[str, Any], *, trusted: Sequence[str]) -> tuple[Config, dict[str, Any]]:
    """The configuration with which a model is built that is only called; also as plain data.

    Args:
        run: the folder of the run.
        tree: the run's configuration, with the checkpoint to restore.
        trusted: prefixes of code that it may name besides `exp`'s own.

    Raises:
        UserError: something is wrong with it.
    """
    plain = {**tree, **_PLAIN}
    return parse_stored(run, plain, trusted=trusted), plain
