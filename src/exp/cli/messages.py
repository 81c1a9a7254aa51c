"""Error messages for Hydra's and OmegaConf's errors: a sentence with the key, the value and what would be right."""

import re
import sys
import traceback
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from hydra.errors import HydraException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from exp.cli import habits
from exp.cli.choices_made import read_node
from exp.cli.conf import conf_folders
from exp.config.choices import LOGGER
from exp.config.flat import flat
from exp.config.suggestions import unknown_choice, unknown_key
from exp.config.target_names import OWN_PREFIXES, SECTIONS_WITH_TARGET
from exp.errors import UserError, excerpt
from exp.system.project import ROOT, project

_SWEEP = re.compile(r"(?:Ambiguous value for argument|Sweep parameters) '(.+?)'(?: requires|\n|$)", flags=re.DOTALL)
_LOGGING = ("hydra.verbose", "hydra.hydra_logging", "hydra.job_logging", "hydra/hydra_logging", "hydra/job_logging")
"""The keys with which Hydra sets up the log. Its errors do not tell which of them is wrong."""


def explain(error: BaseException, arguments: Sequence[str], conf: Path) -> str:
    """A sentence for the user.

    Args:
        error: what Hydra or OmegaConf raised while composing.
        arguments: the command line.
        conf: the folder of the configuration groups.
    """
    if isinstance(error.__cause__, UserError):
        return str(error.__cause__)
    own = project()
    if own and "In 'project':" in str(error):
        return f"{own.conf / ROOT}.yaml: {excerpt(str(error).partition(': ')[2].splitlines()[0])}"
    deleted = re.search(r"Could not delete from config. '(.+?)'", str(error))
    if deleted:
        return f"~{deleted[1]}: there is no such key, or it is null already"
    return (
        _unreadable(error, arguments, conf)
        or _wrong_choice(error, arguments, conf)
        or _wrong_logger(error, arguments, conf)
        or _wrong_key(error, arguments, conf)
        or f"{_blamed(error, arguments)}: {_reason(error)}"
    )


def unknown_option(given: str, arguments: Sequence[str], conf: Path) -> str | None:
    """The sentence for an option that does not exist; None if nobody knows what is meant."""
    return habits.option(given, arguments, _keys(conf))


def _unreadable(error: BaseException, arguments: Sequence[str], conf: Path) -> str | None:
    """The sentence for an argument that is no override, or that stands for several values."""
    if isinstance(error, OverrideParseException):
        given = excerpt(error.override)
        meant = habits.word(str(error.override), arguments, _keys(conf))
        return meant or f"{given}: cannot be read; write KEY=VALUE, and quote what has spaces, commas or brackets"
    several = _SWEEP.search(str(error))
    if several:
        _, key, value = _split(several[1])
        plain = re.fullmatch(r"[^()\[\]{}'\"]+", value) and not _is_group(key, conf)
        as_list = f"; for one list, write {excerpt(f'{key}=[{value}]')}" if plain else ""
        return f"{excerpt(several[1])}: stands for several values; to sweep over them, add -m{as_list}"
    if "INTERVAL_SWEEP" in str(error):
        return f"{_blamed(error, arguments)}: an interval needs a sweeper that searches, such as hydra/sweeper=optuna"
    return None


def _wrong_choice(error: BaseException, arguments: Sequence[str], conf: Path) -> str | None:
    """The sentence for a choice that does not exist in its group, or that is not a name."""
    missing = re.search(r"Could not (?:find|load) '(.+)/([^/']*)'", str(error))
    if missing:
        return _unknown_choice(missing[1], missing[2], conf)
    for argument in arguments:
        sign, key, value = _split(argument)
        if not sign and _is_group(key, conf) and _not_overridden(key, error):
            return _unknown_choice(key, value, conf)
        group = key.partition("@")[0]
        no_name = value.startswith(("[", "{")) or (value == "null" and "Got NoneType" in str(error))
        if no_name and _is_group(group, conf) and isinstance(error, TypeError | ValueError):
            if group == LOGGER:
                return f"{excerpt(argument)}: must be a list of choices, such as {LOGGER}=[tensorboard,jsonl]"
            such = f", such as {group}={_names(group, conf)[0]}" if _names(group, conf) else ""
            return f"{excerpt(argument)}: must be the name of one choice{such}"
    return None


def _wrong_key(error: BaseException, arguments: Sequence[str], conf: Path) -> str | None:
    """The sentence for a key that does not exist, or does not exist with the choices made."""
    for argument in arguments:
        sign, key, value = _split(argument)
        if sign or not _not_overridden(key, error):
            continue
        group, _, leaf = key.partition(".")
        if key.endswith("._target_"):
            node = f"{key.removesuffix('._target_')}={{_target_: {value}}}"
            return f"{excerpt(argument)}: there is no node yet whose target it could be; write '{node}'"
        if value.startswith("{"):
            return (
                f"{excerpt(argument)}: {key} lacks some of these keys; to give it new ones, write ++{excerpt(argument)}"
            )
        choices = [path.stem for path, node in _choices(conf) if path.parent.name == group and leaf in node]
        if choices:
            have = "has" if len(choices) == 1 else "have"
            return f"{excerpt(argument)}: the choice made has no such key; {_choose(key, choices)} {have}"
        own = _own_choice(group, arguments, conf)
        if leaf and own:
            return f"{excerpt(argument)}: {own} has no such key; if your function takes it, write +{excerpt(argument)}"
        return f"{unknown_key(key, _keys(conf))} (you gave {excerpt(argument)})"
    return None


def _wrong_logger(error: BaseException, arguments: Sequence[str], conf: Path) -> str | None:
    """The sentence for a key of a logger that is not chosen, or that no logger has."""
    given = ((argument, *_split(argument)[:2]) for argument in arguments)
    own = [(argument, key) for argument, sign, key in given if not sign and key.startswith(f"{LOGGER}.")]
    argument, key = next((pair for pair in own if _not_overridden(pair[1], error)), ("", ""))
    if not key:
        return None
    _, name, *rest = key.split(".")
    files = {path.stem: node.get(path.stem) for path, node in _choices(conf) if path.parent.name == LOGGER}
    if name not in files:
        return f"{excerpt(argument)}: there is no such logger; there are {', '.join(files)}"
    keys = [f"{LOGGER}.{name}.{leaf}" for leaf in (files[name] or {})]
    if not rest or key in keys:
        return f"{excerpt(argument)}: {name} is not among the loggers; add it: +{LOGGER}={name}"
    if not keys:
        return f"{excerpt(argument)}: there is no such key; {name} has none"
    return f"{unknown_key(key, keys)} (you gave {excerpt(argument)})"


def _own_choice(group: str, arguments: Sequence[str], conf: Path) -> str | None:
    """What the command line chooses for a group, if that names code of the user's own; None if it does not."""
    for argument in arguments:
        _, key, value = _split(argument)
        if group in SECTIONS_WITH_TARGET and value:
            if key == group and not (conf / group / f"{value}.yaml").is_file():
                return f"{group}={value}"
            if key == f"{group}._target_" and not value.startswith(OWN_PREFIXES):
                return f"{group}._target_={value}"
    return None


def _not_overridden(key: str, error: BaseException) -> bool:
    return bool(key) and f"'{key}'" in str(error) and "Could not override" in str(error)


def _blamed(error: BaseException, arguments: Sequence[str]) -> str:
    """The arguments that an error is about; all of them if that is not known."""
    text, key = str(error), getattr(error, "full_key", None) or ""
    by_key = [argument for argument in arguments if key and _overlap(_split(argument)[1], key)]
    functions = {frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)}
    by_place = [argument for argument in arguments if "configure_log" in functions and argument.startswith(_LOGGING)]
    by_text = [argument for argument in arguments if argument in text or f"'{_split(argument)[1]}'" in text]
    overrides = [argument for argument in arguments if not argument.startswith("-")]
    return excerpt(" ".join(by_key or by_place or by_text or overrides or arguments))


def _overlap(one: str, other: str) -> bool:
    """Whether two keys are the same, or one is above the other."""
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


def _reason(error: BaseException) -> str:
    """What Hydra or OmegaConf says, without links and names of its own parts."""
    cause = error.__cause__
    if "Error merging override" in str(error) and cause is not None:
        return _reason(cause)
    lines = [line.strip() for line in str(error).splitlines()]
    own = ("See http", "full_key:", "object_type=", "reference_type=")
    said = [line for line in lines if line and not line.startswith(own) and not line.endswith(":")]
    if isinstance(error, HydraException | OmegaConfBaseException):
        return excerpt(" ".join(said[:2]) or "cannot be composed")
    if "configure_log" in {frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)}:
        said = [*said[:1], "hydra.verbose is true, false or names of loggers"]
        return excerpt(f"is no way to log: {'; '.join(said)}")
    return excerpt(f"cannot be used here ({': '.join([type(error).__name__, *said[:1]])})")


def _split(argument: str) -> tuple[str, str, str]:
    match = re.fullmatch(r"([+~]*)([^=]*)=?(.*)", argument, flags=re.DOTALL)
    return (match[1], match[2], match[3]) if match else ("", "", "")


def _unknown_choice(group: str, choice: str, conf: Path) -> str:
    if "/" in group and not group.startswith("hydra/"):  # a choice in a folder of its own: model=deep/mine
        group, _, inner = group.partition("/")
        choice = f"{inner}/{choice}"
    if group.startswith("hydra/") and group not in ("hydra/launcher", "hydra/sweeper"):
        return f"{group}={excerpt(choice)}: there is no such choice"
    if group.startswith("hydra/"):
        given = f"{group}={excerpt(choice)}"
        return f"{given}: is not installed; `pip install -e '.[optuna,submitit]'` brings some that Hydra has"
    return unknown_choice(group, choice, _names(group, conf))


def _names(group: str, conf: Path) -> list[str]:
    """The choices of a group, those of the project and in the folder of `--config-dir` included."""
    given = [Path(folder) for option, folder in pairwise(sys.argv) if option in ("--config-dir", "-cd")]
    given += [Path(word.partition("=")[2]) for word in sys.argv if word.startswith("--config-dir=")]
    folders = [*conf_folders(conf), *given]
    places = [folder / group.partition("@")[0] for folder in folders]
    found = {path.relative_to(place).with_suffix("").as_posix() for place in places for path in place.rglob("*.yaml")}
    return sorted(found)


def _is_group(key: str, conf: Path) -> bool:
    return bool(key) and any((folder / key).is_dir() for folder in conf_folders(conf))


def _choose(key: str, choices: Sequence[str]) -> str:
    group = key.partition(".")[0]
    return " and ".join(f"{group}={choice}" for choice in choices)


def _keys(conf: Path) -> list[str]:
    """All keys: those that every run has, the groups, and those that only some choices have."""
    root = flat(read_node(conf / f"{ROOT}.yaml"))
    choices = [(path.parent.name, key) for path, node in _choices(conf) for key in node]
    groups = [group for group, _ in choices]
    own = [f"{group}.{key}" for group, key in choices if key != "_target_"]
    return list(dict.fromkeys([*(key for key in root if key != "defaults"), *groups, *own]))


def _choices(conf: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Every file of every group, with its content."""
    found = [path for folder in conf_folders(conf) for path in sorted(folder.glob("*/*.yaml"))]
    return [(path, read_node(path)) for path in found if path.parent.name != "experiment"]
