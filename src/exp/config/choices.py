"""Choices: the names by which people know the parts of a run, such as `model=mine`."""

import re
from collections.abc import Mapping
from typing import Any

from exp.config.target_names import OWN_PREFIXES, short_name

KINDS = {
    "model": "_target_",
    "data": "_target_",
    "task": "_target_",
    "optimizer": "_target_",
    "exec": "name",
    "device": "name",
    "schedule": "name",
}
"""The groups whose choices runs are known by, with the key that tells what a choice stands for."""
LOGGER = "logger"
"""A group of which several choices hold at once. It is no part of what a run is: no figure depends on it, and a run
that goes on may log elsewhere."""
_LABELLED = ("model", "data", "exec", "device")
_OWN = {"exp.model.conv_catsdogs.create": "conv-catsdogs", "exp.data.npz.load": "arrays"}
"""Choices of ours that are not named as their modules are, by target."""
_IN_A_LABEL = re.compile(r"[^\w.+-]+", re.ASCII)
LONGEST = 40


def name_by_itself(value: str) -> str:
    """The name of a choice by what it stands for: `mlp` for `exp.model.mlp.create`, `function` for `function`."""
    return _OWN.get(value) or short_name(value)


def is_said_by(name: str, value: str) -> bool:
    """Whether the name of a choice tells what it stands for; only ours do, because other modules may share names."""
    return name == name_by_itself(value) and ("." not in value or value.startswith(OWN_PREFIXES))


def name_of_choice(group: str, tree: Mapping[str, Any], choices: Mapping[str, str]) -> str | None:
    """The name of what a configuration has in a group; None if it has nothing there.

    Args:
        group: one of `KINDS`.
        tree: the configuration as plain data.
        choices: the choices made, by group, as far as they are known.
    """
    node = tree.get(group)
    value = node.get(KINDS[group]) if isinstance(node, Mapping) else None
    return None if value is None else choices.get(group, name_by_itself(str(value)))


def label(tree: Mapping[str, Any], choices: Mapping[str, str]) -> str:
    """A short name of a run, for its folder: model, data set, execution and device, each part a plain file name."""
    names = [name_of_choice(group, tree, choices) or group for group in _LABELLED]
    return "_".join(
        _IN_A_LABEL.sub("-", name).strip("-.")[:LONGEST] or group for group, name in zip(_LABELLED, names, strict=True)
    )


def read_choices(value: Any) -> dict[str, str]:
    """The choices that a manifest or a composed configuration has, by group; what is none is left out."""
    if not isinstance(value, Mapping):
        return {}
    return {str(group): name for group, name in value.items() if group in KINDS and isinstance(name, str) and name}


def without_loggers(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a configuration on which the figures of a run can depend."""
    return {key: value for key, value in tree.items() if key != LOGGER}
