"""Hydra's and OmegaConf's errors, in one plain sentence that names the key, the value and what would be right."""

import difflib
import re
from collections.abc import Sequence
from pathlib import Path

from exp.config.parse import known_keys, unknown_key


def explain(error: BaseException, arguments: Sequence[str], conf: Path) -> str:
    """A sentence for the user.

    Args:
        error: what Hydra or OmegaConf raised while composing.
        arguments: the command line.
        conf: the folder of the configuration groups.
    """
    text = str(error)
    missing = re.search(r"Could not find '(.+)/([^/']*)'", text)
    if missing:
        return _unknown_choice(missing[1], missing[2], conf)
    for argument in arguments:
        sign, key, value = _split(argument)
        if sign == "" and key and f"'{key}'" in text and "Could not override" in text:
            if (conf / key).is_dir():
                return _unknown_choice(key, value, conf)
            return f"{unknown_key(key, _keys(conf))} (you gave {argument})"
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("See https")]
    return " ".join(lines[:2])


def _split(argument: str) -> tuple[str, str, str]:
    match = re.fullmatch(r"([+~]*)([^=]*)=?(.*)", argument, flags=re.DOTALL)
    return (match[1], match[2], match[3]) if match else ("", "", "")


def _unknown_choice(group: str, choice: str, conf: Path) -> str:
    choices = sorted(path.stem for path in (conf / group).glob("*.yaml"))
    nearest = difflib.get_close_matches(choice, choices, n=1, cutoff=0.4)
    hint = f"; did you mean {group}={nearest[0]}?" if nearest else ""
    return f"{group}={choice}: must be one of {', '.join(choices)}{hint}"


def _keys(conf: Path) -> list[str]:
    """The keys of the schema, and those that some file of a group has."""
    from omegaconf import DictConfig, OmegaConf

    keys = known_keys({})
    for path in sorted(conf.glob("*/*.yaml")):
        node = OmegaConf.load(path)
        if isinstance(node, DictConfig) and path.parent.name != "experiment":
            keys += [f"{path.parent.name}.{key!s}" for key in node if key != "_target_"]
    return keys
