"""Shared by the programs in `scripts/`: a configuration from overrides, and errors said as `run.py` says them."""

import argparse
import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from exp.cli.choices_made import choices_made
from exp.cli.conf import VERSION_BASE, conf_folder
from exp.cli.effective_config import with_projects
from exp.cli.main import print_mistake, raised_by_hydra
from exp.cli.make_request import plain
from exp.config import Config, parse
from exp.config.schema import REQUEST_KEYS
from exp.errors import UserError, excerpt
from exp.system.files import storage_problem
from exp.system.project import trusted_by_project
from exp.system.streams import outlast, printable
from exp.system.tensorflow import native_messages_to

_COMPOSING = threading.Lock()


def check_overrides(overrides: Any, *, such_as: str) -> None:
    """Refuse what is no list of overrides of one run.

    Raises:
        UserError: naming what is wrong with it.
    """
    if isinstance(overrides, str) or not isinstance(overrides, Sequence):
        raise UserError(f"overrides={excerpt(overrides)}: must be a list, such as ['{such_as}']")
    for one in overrides:
        if not isinstance(one, str) or "\0" in one or not ("=" in one or one.startswith("~")) or one.startswith("-"):
            given = excerpt(one) if isinstance(one, str) else repr(one)
            raise UserError(
                f"overrides: {given}: must be a text KEY=VALUE; options and sweeps are for the command line"
            )
        if one.lstrip("+").startswith("hydra.mode="):
            raise UserError(f"overrides: {one}: there is one run; sweeps are for the command line")


def composed(overrides: list[str]) -> Config:
    """The configuration that `python run.py OVERRIDES` would have.

    Raises:
        UserError: an override is wrong.
    """
    return composed_tree(overrides)[0]


def composed_tree(overrides: list[str]) -> tuple[Config, dict[str, Any], dict[str, str]]:
    """The configuration that `python run.py OVERRIDES` would have, the same as plain data, and the choices made.

    Raises:
        UserError: an override is wrong.
    """
    tree, choices = composed_plain(overrides)
    own = {key: value for key, value in tree.items() if key not in REQUEST_KEYS}
    return parse(own), own, choices


def composed_plain(overrides: list[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """What Hydra composes, as plain data that nothing has checked yet, and the choices made.

    Raises:
        UserError: it cannot be composed.
    """
    from hydra import compose, initialize_config_dir

    conf = conf_folder()
    try:
        with _hydra_alone(), initialize_config_dir(str(conf), version_base=VERSION_BASE):
            whole = compose("config", overrides, return_hydra_config=True)
            tree, choices = plain(whole), choices_made(whole, whole.hydra)
    except Exception as error:
        if not raised_by_hydra(error):
            raise
        from exp.cli.messages import explain

        raise UserError(explain(error, overrides, conf)) from error
    return {**tree, "trusted_targets": with_projects(tree.get("trusted_targets"))}, choices


@contextlib.contextmanager
def _hydra_alone() -> Iterator[None]:
    """Compose beside a program that uses Hydra itself, and from several threads; Hydra has one state in a process."""
    from hydra.core.global_hydra import GlobalHydra

    with _COMPOSING:
        before, GlobalHydra.instance().hydra = GlobalHydra.instance().hydra, None
        try:
            yield
        finally:
            GlobalHydra.instance().hydra = before  # Hydra has put another instance in its place


def run_script(parser: argparse.ArgumentParser, main: Callable[[argparse.Namespace], None]) -> int:
    """Parse the command line, do the work, and return the exit status: 0, 2 for a user's mistake, 130 after Ctrl-C."""
    outlast()
    arguments = parser.parse_intermixed_args(sys.argv[1:])  # an option may stand between overrides
    try:
        trusted = trusted_by_project()
        if hasattr(arguments, "trust"):
            arguments.trust = [*arguments.trust, *trusted]
        with native_messages_to(Path(os.devnull)):
            main(arguments)
    except UserError as error:
        return print_mistake(str(error))
    except OSError as error:
        problem = storage_problem(error)
        if problem is None:
            raise
        return print_mistake(problem)
    except KeyboardInterrupt:
        return 130
    return 0


def say(text: object) -> None:
    """Print a line with control characters escaped, because it may quote names of folders and files."""
    print(printable(str(text)))
