"""A configuration as one flat dict, as people speak of it: `model` is `cnn`, `data.batch_size` is 50."""

from collections.abc import Mapping
from typing import Any

from exp.config.loggers import without_loggers
from exp.config.targets import short_name

_TARGETS = ("model", "data", "task", "optimizer")
"""Groups whose choice is known by the function that their `_target_` names."""
_NAMES = ("exec", "device", "schedule")
"""Groups whose choice is known by their key `name`."""


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested dicts to one dict with dotted keys."""
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            leaves |= flat(value, f"{path}.")
        else:
            leaves[path] = value
    return leaves


def flat_config(tree: Mapping[str, Any], *, threads: int | None) -> dict[str, Any]:
    """A run's configuration by dotted key, and its choices by the names of their groups; where it logs is left out.

    Args:
        tree: the configuration as the run folder has it.
        threads: the number of threads that the run really had, if that is known. The last bits of results depend on it.
    """
    config = flat(without_loggers(tree))
    for group in _TARGETS:
        if f"{group}._target_" in config:
            config[group] = short_name(str(config.pop(f"{group}._target_")))
    for group in _NAMES:
        if f"{group}.name" in config:
            config[group] = config.pop(f"{group}.name")
    if threads is not None:
        config["device.threads"] = threads
    return config
