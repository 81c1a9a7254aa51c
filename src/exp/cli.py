"""The command line: Hydra composes, this module checks before anything is made, and turns errors into exit statuses.

TensorFlow is imported after all of it, by `exp.run`.
"""

import os
import re
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, read_write

from exp.errors import JobsFailed, UserError
from exp.terminal import outlast, printable

STARTED = time.perf_counter()
VERSION_BASE = "1.3"
"""The version of Hydra whose behaviour is meant; among other things, a run stays in the folder it was started from."""


def main(*, conf: Path) -> int:
    """Run the command line of this process.

    Args:
        conf: the folder of the configuration groups.

    Returns:
        The exit status: see `conf/hydra_settings.yaml`.
    """
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    outlast()
    statuses: list[int] = []

    def job(config: DictConfig) -> float | None:
        from exp.console import Display
        from exp.job import do_job, figure_for_sweeper

        if HydraConfig.get().mode == RunMode.MULTIRUN:  # under another launcher than ours
            return figure_for_sweeper(do_job(config, Display(), started=STARTED), config.objective)
        try:
            statuses.append(do_job(config, Display(), started=STARTED).status)
        except UserError as error:
            statuses.append(refuse(str(error)))
        return None

    if any(argument.startswith("--experimental-rerun") for argument in sys.argv[1:]):
        return refuse("--experimental-rerun: reads a pickle, which can run any code; use resume=RUN_DIR")
    # Hydra would print its own errors, and end with status 1; with this it lets them through.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    sys.argv[1:] = [_one_value(argument) for argument in sys.argv[1:]]
    try:
        hydra.main(version_base=VERSION_BASE, config_path=str(conf), config_name="config")(job)()
    except UserError as error:
        return refuse(str(error))
    except JobsFailed as error:
        if error.message:
            print(error.message, file=sys.stderr)
        return error.status
    except (HydraException, OmegaConfBaseException) as error:
        from exp.cli_errors import explain

        return refuse(explain(error, sys.argv[1:], conf))
    except ValueError as error:
        # Hydra has no exception of its own for some wrong command lines.
        if statuses or "hydra" not in Path(traceback.extract_tb(error.__traceback__)[-1].filename).parts:
            raise
        return refuse(f"{' '.join(sys.argv[1:])}: {str(error).splitlines()[0]}")
    return max(statuses, default=0)


class Preflight(Callback):
    """Checks a single run before Hydra makes its folder, and gives that one, or a sweep's, a name of its own."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Hydra turns an exception from here into a warning, but not SystemExit."""
        from exp.request import choose_folder

        with read_write(config.hydra.run):
            config.hydra.run.dir = str(_chosen(choose_folder, config))
        if "TF_CONFIG" in os.environ or "SLURM_PROCID" in os.environ:
            _leave_log_to_chief(config)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """The same for the folder of a sweep."""
        from exp.request import choose_sweep_folder

        with read_write(config.hydra.sweep):
            config.hydra.sweep.dir = str(_chosen(choose_sweep_folder, config))


def _leave_log_to_chief(config: DictConfig) -> None:
    """Keep Hydra from writing `run.log` in a worker that follows another; `exp.worker` says where its log goes."""
    from exp.cluster import is_follower
    from exp.request import check

    if is_follower(check(config, config.hydra)[0].device):
        with read_write(config.hydra.job_logging):
            config.hydra.job_logging.handlers.file.filename = os.devnull


def _chosen(choose: Callable[[DictConfig, DictConfig], Path], config: DictConfig) -> Path:
    """A folder; ends the program where none can be chosen."""
    try:
        # The name of a folder may refer to the choices made, which are known from here on.
        HydraConfig.instance().set_config(config)
        return choose(config, config.hydra)
    except UserError as error:
        raise SystemExit(refuse(str(error))) from None
    except Exception:
        traceback.print_exc()
        raise SystemExit(1) from None


def _one_value(argument: str) -> str:
    """`exec.profile=100,110` is one value; to Hydra, a comma means a choice."""
    key, _, value = argument.partition("=")
    return f"{key}=[{value}]" if key == "exec.profile" and re.fullmatch(r"\d+,\d+", value) else argument


def refuse(message: str) -> int:
    """Say what is wrong on stderr; the exit status of a user's mistake."""
    print(printable(message), file=sys.stderr)
    return 2
