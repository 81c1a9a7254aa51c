"""The command line: Hydra composes, this module checks before anything is made, and turns errors into exit statuses.

TensorFlow is imported after all of it, by `exp.run`.
"""

import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, read_write

from exp.errors import UserError

STARTED = time.perf_counter()


def main(*, conf: Path) -> int:
    """Run the command line of this process.

    Args:
        conf: the folder of the configuration groups.

    Returns:
        The exit status: see `conf/hydra_settings.yaml`.
    """
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    statuses: list[int] = []

    def job(config: DictConfig) -> int:
        statuses.append(_job(config))
        return statuses[-1]

    if any(argument.startswith("--experimental-rerun") for argument in sys.argv[1:]):
        return refuse("--experimental-rerun: reads a pickle, which can run any code; use resume=RUN_DIR")
    # Hydra would print its own errors, and end with status 1; with this it lets them through.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        hydra.main(version_base="1.3", config_path=str(conf), config_name="config")(job)()
    except UserError as error:
        return refuse(str(error))
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
    """Checks a single run before Hydra makes its folder, and gives the folder a name of its own."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Hydra turns an exception from here into a warning, but not SystemExit."""
        from exp.request import choose_folder

        try:
            # `hydra.run.dir` may refer to the choices made, which are known from here on.
            HydraConfig.instance().set_config(config)
            folder = choose_folder(config, config.hydra)
        except UserError as error:
            raise SystemExit(refuse(str(error))) from None
        except Exception:
            traceback.print_exc()
            raise SystemExit(1) from None
        with read_write(config.hydra.run):
            config.hydra.run.dir = str(folder)


def _job(config: DictConfig) -> int:
    from exp.console import Display
    from exp.request import is_completed, make_request
    from exp.run import run

    hydra_config: Any = HydraConfig.get()
    folder = Path(hydra_config.runtime.output_dir)
    try:
        request = make_request(config, hydra_config, folder)
        display = Display()
        if request.resumed and is_completed(request.folder):
            display.say(f"{request.folder}: this run is completed; nothing is left to do")
            return 0
        display.config(request.tree)
        return run(request, display, started=STARTED)
    except UserError as error:
        return refuse(str(error))


def refuse(message: str) -> int:
    """Say what is wrong on stderr; the exit status of a user's mistake."""
    print(message, file=sys.stderr)
    return 2
