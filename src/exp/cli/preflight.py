"""What Hydra calls before it makes a run's folder, or a sweep's: nothing is made if the run is not possible."""

import contextlib
import copy
import os
from collections.abc import Iterator
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from exp.errors import UserError


class CallbackError(BaseException):
    """Carries an error out of a callback: Hydra turns every `Exception` there into a warning."""

    def __init__(self, error: Exception) -> None:
        """Carry this one."""
        super().__init__(error)
        self.error = error


class Preflight(Callback):
    """Checks a single run before Hydra makes its folder, and gives that one, or a sweep's, a name of its own."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Nothing is made if the run is not possible."""
        from exp.cli.request import choose_folder

        with _carried():
            # The name of a folder may refer to the choices made, which are known from here on.
            HydraConfig.instance().set_config(config)
            _check_settings(config)
            folder = choose_folder(config, config.hydra)
            with read_write(config.hydra.run):
                config.hydra.run.dir = str(folder)
            if "TF_CONFIG" in os.environ or "SLURM_PROCID" in os.environ:
                _leave_log_to_chief(config)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """The same for the folder of a sweep."""
        from exp.cli.request import choose_sweep_folder

        with _carried():
            HydraConfig.instance().set_config(config)
            folder = choose_sweep_folder(config, config.hydra)
            with read_write(config.hydra.sweep):
                config.hydra.sweep.dir = str(folder)


@contextlib.contextmanager
def _carried() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise CallbackError(error) from error


def _check_settings(config: DictConfig) -> None:
    """Resolve what Hydra reads of its own settings only when the run's folder is there, and make nothing of it.

    Raises:
        UserError: the log is set up by something that is no group of keys.
        OmegaConfBaseException: a setting refers to what there is not.
    """
    trial = copy.deepcopy(config)
    with read_write(trial.hydra), open_dict(trial.hydra):
        trial.hydra.runtime.output_dir = "."
    for name in ("run", "job", "output_subdir", "job_logging"):
        value = trial.hydra[name]
        if OmegaConf.is_config(value):
            OmegaConf.to_container(value, resolve=True)
    logging = trial.hydra.job_logging
    if logging is not None and not (OmegaConf.is_dict(logging) and "root" in logging and "version" in logging):
        raise UserError(f"hydra.job_logging={logging}: must be a group of keys, such as conf/hydra_settings.yaml has")


def _leave_log_to_chief(config: DictConfig) -> None:
    """Keep Hydra from writing `run.log` in a worker that follows another; `exp.run.workers` says where its log goes."""
    from exp.cli.request import check
    from exp.distributed.cluster import is_follower

    if is_follower(check(config, config.hydra)[0].device):
        with read_write(config.hydra.job_logging):
            config.hydra.job_logging.handlers.file.filename = os.devnull
