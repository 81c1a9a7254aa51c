"""A configuration as one flat dict, as people speak of it: `model` is `cnn`, `data.batch_size` is 50."""

from collections.abc import Mapping
from typing import Any

from exp.config.choices import KINDS, is_said_by, name_of_choice, without_loggers


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


def flat_config(tree: Mapping[str, Any], *, threads: int | None, choices: Mapping[str, str]) -> dict[str, Any]:
    """A run's configuration by dotted key, and its choices by the names of their groups; where it logs is left out.

    What a choice stands for, such as `model._target_`, is a key beside it if the choice's name does not say it.

    Args:
        tree: the configuration as the run folder has it.
        threads: the number of threads that the run really had, if that is known. The last bits of results depend on it.
        choices: the choices made, by group, as far as they are known; others are named by what they stand for.
    """
    config = flat(without_loggers(tree))
    for group, kind in KINDS.items():
        name = name_of_choice(group, tree, choices)
        if name is not None:
            config[group] = name
            if is_said_by(name, str(config[f"{group}.{kind}"])):
                del config[f"{group}.{kind}"]
    if threads is not None:
        config["device.threads"] = threads
    return config
