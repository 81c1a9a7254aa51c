"""Whether a command line is one run or a sweep.

Hydra's `hydra.mode` could say so instead of `-m`, from anywhere in the configuration. To look for it, Hydra composes
the whole configuration before it composes it for good: a twelfth of a second of every start.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra._internal.hydra import Hydra

from exp.cli.conf import conf_folders

_OPTIONS = ("-c", "--c", "-h", "--h")
"""Begin the options that bring configuration from elsewhere, or begin neither a run nor a sweep."""
_ELSEWHERE = ("hydra.mode", "searchpath")
"""An override with one of these sets the mode, or brings configuration from elsewhere."""
_SETS_IT = re.compile(r"""^[^#\n]*\b(mode|searchpath)["']?\s*:""", re.MULTILINE)
_OUR_OWN = re.compile(r"^mode:", re.MULTILINE)
"""The key `mode` of a run, which is none of Hydra's."""


@contextmanager
def mode_from_options(arguments: Sequence[str], conf: Path) -> Iterator[None]:
    """Have Hydra not look for `hydra.mode` if nothing can set it.

    Args:
        arguments: of the program.
        conf: the folder of the configuration.
    """
    own = Hydra.get_mode
    if not _may_be_set(arguments, conf):
        Hydra.get_mode = _no_mode  # type: ignore[method-assign]
    try:
        yield
    finally:
        Hydra.get_mode = own  # type: ignore[method-assign]


def _may_be_set(arguments: Sequence[str], conf: Path) -> bool:
    if any(argument.startswith(_OPTIONS) or any(k in argument for k in _ELSEWHERE) for argument in arguments):
        return True
    texts = (path.read_text(errors="replace") for folder in conf_folders(conf) for path in folder.rglob("*.yaml"))
    return any(_SETS_IT.search(_OUR_OWN.sub("", text)) for text in texts)


def _no_mode(self: Hydra, config_name: str | None, overrides: list[str]) -> Any:
    return None
