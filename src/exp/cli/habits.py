"""What people type from habit, and Hydra cannot read: options for keys, words for modes, spaces around `=`."""

import difflib
from collections.abc import Sequence

from exp.config.suggestions import meant_by
from exp.terminal.commands import COMMANDS, called, program

_WORDS = {
    "test": "mode=test run=RUN_DIR",
    "eval": "mode=test run=RUN_DIR",
    "evaluate": "mode=test run=RUN_DIR",
    "predict": "mode=test run=RUN_DIR",
    "resume": "resume=RUN_DIR",
    "continue": "resume=RUN_DIR",
    "sweep": "-m KEY=A,B",
    "multirun": "-m KEY=A,B",
    "help": "--help",
    "version": "--version",
}
_VERSION = ("-v", "-V", "--ver", "--versoin")
_GROUPS = ("model", "data", "task", "exec", "device", "optimizer", "schedule", "experiment")


def option(given: str, arguments: Sequence[str], known: Sequence[str]) -> str | None:
    """The sentence for an option that does not exist, and that names a key.

    Args:
        given: the option, such as `--epochs` or `--epochs=3`.
        arguments: the command line.
        known: all keys.

    Returns:
        None if nobody knows which one is meant.
    """
    if given in _VERSION:
        return f"{given}: did you mean --version?"
    name, sign, value = given.lstrip("-").partition("=")
    after = list(arguments)[list(arguments).index(given) + 1 :] if given in arguments else []
    if not sign and after and "=" not in after[0] and not after[0].startswith("-"):
        value = after[0]
    key = _key(name.replace("-", "_"), known)
    return f"{given}: keys have no dashes; did you mean {key}={value or 'VALUE'}?" if key else None


def word(given: str, arguments: Sequence[str], known: Sequence[str]) -> str | None:
    """The sentence for a word that stands by itself; None if nobody knows what is meant.

    Args:
        given: the word.
        arguments: the command line.
        known: all keys.
    """
    plain = given.lower()
    if plain in ("train", "run", "start"):
        return f"{given}: training needs no word; `{called()} KEY=VALUE...` trains"
    if plain in _WORDS:
        return f"{given}: did you mean {_WORDS[plain]}?"
    if plain in COMMANDS:
        return f"{given}: is a program of its own; did you mean {program(plain)}?"
    near = difflib.get_close_matches(plain, COMMANDS, n=1, cutoff=0.7)
    if near and given.isalpha() and list(arguments)[:1] == [given]:
        return f"{given}: is no program; did you mean {program(near[0])}?"
    after = list(arguments)[list(arguments).index(given) + 1 :] if given in arguments else []
    key = _key(given.rstrip("=").rstrip(":"), known)
    if key and after:
        value = after[0] if after[0] != "=" or len(after) < 2 else after[1]
        if "=" not in value.strip("="):
            return f"{given}: KEY=VALUE is one word, without spaces; did you mean {key}={value.strip('=') or 'VALUE'}?"
    return None


def _key(name: str, known: Sequence[str]) -> str | None:
    return name if name in known or name in _GROUPS else meant_by(name, known)
