"""The command line: has Hydra compose the configuration and do the job, and turns errors into exit statuses.

TensorFlow is imported after all of it, by `exp.run.run`.
"""

import os
import re
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from exp.cli.begin_job_server import job_server_begun
from exp.cli.conf import VERSION_BASE, conf_folder
from exp.cli.hydra_mode import mode_from_options
from exp.cli.preflight import CallbackError
from exp.errors import JobsFailed, UserError
from exp.system.streams import outlast, printable
from exp.terminal.commands import called

STARTED = time.perf_counter()
PROGRAM_VARIABLE = "EXP_PROGRAM"
"""Tells the help page, in `conf/hydra_settings.yaml`, how this program is called."""


def main() -> int:
    """Run the command line of this process.

    Returns:
        The exit status: see `conf/hydra_settings.yaml`.
    """
    outlast()
    conf = conf_folder()
    os.environ[PROGRAM_VARIABLE] = called()
    statuses: list[int] = []
    begun = False

    def job(config: DictConfig) -> float | None:
        from exp.cli.do_job import do_job, do_swept_job
        from exp.cli.make_request import take_request
        from exp.loggers.console import Display

        nonlocal begun
        begun = True
        if HydraConfig.get().mode == RunMode.MULTIRUN:  # under another launcher than ours
            return do_swept_job(take_request(config), Display(), started=STARTED)
        try:
            statuses.append(do_job(take_request(config), Display(), started=STARTED).status)
        except UserError as error:
            statuses.append(print_mistake(str(error)))
        return None

    # Hydra would print its own errors, and end with status 1; with this it lets them through.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    sys.argv[1:] = options_first([_one_value(argument) for argument in sys.argv[1:]])
    try:
        if _told(sys.argv[1:], conf):
            return 0
        with mode_from_options(sys.argv[1:], conf), job_server_begun(sys.argv[1:]):
            hydra.main(version_base=VERSION_BASE, config_path=str(conf), config_name="config")(job)()
    except JobsFailed as failed:
        if failed.message:
            print(printable(failed.message), file=sys.stderr)
        return failed.status
    except SystemExit as leave:
        if leave.code == 1 and not begun and raised_by_hydra(leave):
            return 2  # Hydra has said what does not exist
        raise
    except CallbackError as carrier:
        return _end(carrier.error, conf)
    except Exception as error:
        if begun and not isinstance(error, UserError):
            raise
        return _end(error, conf)
    return max(statuses, default=0)


def _end(error: Exception, conf: Path) -> int:
    """Say in a sentence why no run could begin with this command line, and return the exit status.

    Raises:
        Exception: the error itself, if it is not the user's.
    """
    if isinstance(error, UserError):
        return print_mistake(str(error))
    if not raised_by_hydra(error):
        raise error
    from exp.cli.messages import explain

    return print_mistake(explain(error, sys.argv[1:], conf))


def raised_by_hydra(error: BaseException) -> bool:
    """Whether an error comes from Hydra or OmegaConf, which refuse what they were given, rather than from our code.

    What counts is the innermost code that is not the standard library's; if an error has a cause, that of both.
    """
    cause = error.__cause__
    if cause is not None and not isinstance(cause, UserError) and _home(cause) == "exp":
        return False
    return _home(error) == "hydra"


def _home(error: BaseException) -> str | None:
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        module = str(frame.f_globals.get("__name__"))
        if module.startswith(("exp.", "hydra_plugins.")):
            return "exp"
        if module.partition(".")[0] in ("hydra", "omegaconf", "antlr4", "yaml"):
            return "hydra"
    return None


def _check_options(arguments: Sequence[str], conf: Path) -> None:
    """Refuse options that Hydra's own parser would answer with its usage, or not at all.

    Raises:
        UserError: an option does not exist, or is not supported.
    """
    for argument in arguments:
        if argument.startswith("--experimental-rerun"):
            raise UserError("--experimental-rerun: reads a pickle, which can run any code; use resume=RUN_DIR")
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise UserError(f"{argument!a}: is not UTF-8 text") from None
    parser = get_args_parser()

    def refuse_options(message: str) -> NoReturn:
        from exp.cli.messages import unknown_option

        given = message.partition("unrecognized arguments: ")[2].split(" ")[0]
        meant = unknown_option(given, arguments, conf) if given else None
        if meant:
            raise UserError(meant)
        raise UserError(f"{message}; `{called()} --help` lists the options")

    parser.error = refuse_options  # type: ignore[method-assign]
    parser.parse_args(arguments)


def _told(arguments: Sequence[str], conf: Path) -> bool:
    """Print the version or the help page if it is asked for; returns whether it was. Hydra has its own of both.

    Raises:
        UserError: an option does not exist, or is not supported.
        HydraException, OmegaConfBaseException: the overrides are wrong.
    """
    if arguments == ["--version"]:
        from importlib.metadata import version

        print(f"exp {version('exp')}")
        return True
    _check_options(arguments, conf)
    asked = get_args_parser().parse_args(arguments)
    if not asked.help:
        return False
    from exp.cli.help_page import help_page

    place = Path(asked.config_path) if asked.config_path else conf
    more = Path(asked.config_dir) if asked.config_dir else None
    name = asked.config_name or "config"
    print(help_page(asked.overrides, config_name=name, conf=place, more=more))
    return True


def options_first(arguments: Sequence[str]) -> list[str]:
    """The same command line for Hydra's parser, which takes overrides only where all of them stand together."""
    known = {name: action for action in get_args_parser()._actions for name in action.option_strings}
    options, overrides = list[str](), list[str]()
    for number, argument in enumerate(arguments):
        before = known.get(arguments[number - 1]) if number else None
        takes = before is not None and (
            before.nargs is None or (before.nargs == "?" and argument in (before.choices or ()))
        )
        (options if argument.startswith("-") or takes else overrides).append(argument)
    return [*options, *overrides]


def _one_value(argument: str) -> str:
    """Make `exec.profile=100,110` one value; to Hydra, a comma separates the values of a sweep."""
    key, _, value = argument.partition("=")
    return f"{key}=[{value}]" if key == "exec.profile" and re.fullmatch(r"\d+,\d+", value) else argument


def print_mistake(message: str) -> int:
    """Say on stderr what is wrong; returns the exit status of a user's mistake."""
    print(printable(message), file=sys.stderr)
    return 2
