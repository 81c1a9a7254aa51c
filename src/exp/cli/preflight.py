"""The callback that Hydra calls before it makes the folder of a run or a sweep: the request is made and checked."""

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from exp.errors import UserError


class CallbackError(BaseException):
    """Carries an error out of a callback: Hydra turns every `Exception` there into a warning."""

    def __init__(self, error: Exception) -> None:
        """Carry this error."""
        super().__init__(error)
        self.error = error


class Preflight(Callback):
    """Makes the request of a single run, and chooses the folder of a run or a sweep, before Hydra makes that folder."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Make the request of a single run, and its folder; nothing is made if the run is not possible."""
        from exp.cli.make_request import make_request

        with _carried():
            # The name of a folder may refer to the choices made, which are known from here on.
            HydraConfig.instance().set_config(config)
            _check_settings(config)
            make_request(config)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Make the folder of a sweep."""
        from exp.cli.choose_folder import choose_sweep_folder
        from exp.cli.make_request import is_given

        with _carried():
            HydraConfig.instance().set_config(config)
            given = is_given("hydra.sweep.dir", config.hydra)
            folder = choose_sweep_folder(config.hydra.sweep.dir, given=given)
            with read_write(config.hydra.sweep):
                config.hydra.sweep.dir = str(folder)


@contextlib.contextmanager
def _carried() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise CallbackError(error) from error


def _check_settings(config: DictConfig) -> None:
    """Resolve those of Hydra's settings that it would read only after it has made the folder, and throw them away.

    Raises:
        UserError: `hydra.job_logging` is not a group of keys.
        OmegaConfBaseException: a setting refers to something that does not exist.
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
