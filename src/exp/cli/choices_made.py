"""The choices that a composed configuration really has: a name counts only while it says what is there."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig

from exp.config.choices import KINDS, read_choices
from exp.system.safe_yaml import load_yaml

DEEPEST = 20
"""Levels of groups in a file of `conf/`."""


def choices_made(composed: DictConfig, hydra: DictConfig) -> dict[str, str]:
    """The choice of each group that runs are known by.

    A group whose `_target_` or `name` is not that of the choice's file is left out: an override, a project or an
    experiment has put something else in its place.

    Args:
        composed: the configuration.
        hydra: Hydra's own part of it.
    """
    folders = [Path(source.path) for source in hydra.runtime.config_sources if source.schema == "file"]
    made = read_choices(hydra.runtime.choices)
    overridden = {str(override).lstrip("+").partition("=")[0] for override in hydra.overrides.task}
    return {
        group: name
        for group, name in made.items()
        if _is_as_chosen(group, name, composed, folders, overridden=overridden)
    }


def _is_as_chosen(
    group: str, name: str, composed: DictConfig, folders: Iterable[Path], *, overridden: Iterable[str]
) -> bool:
    kind = KINDS[group]
    node = composed.get(group)
    value = node.get(kind) if isinstance(node, DictConfig) else None
    file = next((path for folder in folders if (path := folder / group / f"{name}.yaml").is_file()), None)
    said = None if file is None else read_node(file).get(kind)
    if said is None:  # it is built on another choice
        return f"{group}.{kind}" not in overridden
    return str(value) == str(said)


@cache
def read_node(path: Path) -> dict[str, Any]:
    """What a file of `conf/` says; nothing if it cannot be read, which is said elsewhere."""
    try:
        node = load_yaml(path.read_text(), deepest=DEEPEST)
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return {str(key): value for key, value in node.items()} if isinstance(node, dict) else {}
