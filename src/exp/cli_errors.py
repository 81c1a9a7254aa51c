"""Hydra's and OmegaConf's errors, in one plain sentence that names the key, the value and what would be right."""

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.errors import OverrideParseException

from exp.config.hints import known_keys, unknown_key


def explain(error: BaseException, arguments: Sequence[str], conf: Path) -> str:
    """A sentence for the user.

    Args:
        error: what Hydra or OmegaConf raised while composing.
        arguments: the command line.
        conf: the folder of the configuration groups.
    """
    text = str(error)
    if isinstance(error, OverrideParseException):
        return f"{error.override}: cannot be read; write KEY=VALUE, and quote what has spaces, commas or brackets"
    missing = re.search(r"Could not find '(.+)/([^/']*)'", text)
    if missing:
        return _unknown_choice(missing[1], missing[2], conf)
    for argument in arguments:
        sign, key, value = _split(argument)
        if sign == "" and key and f"'{key}'" in text and "Could not override" in text:
            if (conf / key).is_dir():
                return _unknown_choice(key, value, conf)
            choices = [
                path.stem
                for path, node in _choices(conf)
                if path.parent.name == key.partition(".")[0] and key.partition(".")[2] in node
            ]
            if choices:
                return f"{argument}: the choice made has no such key; {_choose(key, choices)} has"
            return f"{unknown_key(key, _keys(conf))} (you gave {argument})"
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("See https")]
    return " ".join(lines[:2])


def _split(argument: str) -> tuple[str, str, str]:
    match = re.fullmatch(r"([+~]*)([^=]*)=?(.*)", argument, flags=re.DOTALL)
    return (match[1], match[2], match[3]) if match else ("", "", "")


def _unknown_choice(group: str, choice: str, conf: Path) -> str:
    if group.startswith("hydra/"):
        return f"{group}={choice}: is not installed; `pip install -e '.[optuna,submitit]'` brings some that Hydra has"
    choices = sorted(path.stem for path in (conf / group).glob("*.yaml"))
    nearest = difflib.get_close_matches(choice, choices, n=1, cutoff=0.4)
    hint = f"; did you mean {group}={nearest[0]}?" if nearest else ""
    return f"{group}={choice}: must be one of {', '.join(choices)}{hint}"


def _choose(key: str, choices: Sequence[str]) -> str:
    group = key.partition(".")[0]
    return " and ".join(f"{group}={choice}" for choice in choices)


def _keys(conf: Path) -> list[str]:
    """The keys of the schema, and those that some file of a group has."""
    own = [f"{path.parent.name}.{key}" for path, node in _choices(conf) for key in node if key != "_target_"]
    return [*known_keys({}), *own]


def _choices(conf: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Every file of every group, with its content."""
    from omegaconf import OmegaConf

    files = [path for path in sorted(conf.glob("*/*.yaml")) if path.parent.name != "experiment"]
    nodes = [OmegaConf.to_container(OmegaConf.load(path)) for path in files]
    return [
        (path, {str(k): v for k, v in node.items()})
        for path, node in zip(files, nodes, strict=True)
        if isinstance(node, dict)
    ]
