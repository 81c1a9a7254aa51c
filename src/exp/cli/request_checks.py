"""Rules that a request must meet besides those of its configuration: about Hydra, the data set and the run's folder."""

import contextlib
import importlib.util
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.types import RunMode
from omegaconf import DictConfig

from exp.config import Config, Target, WorkersDevices
from exp.config.choices import LOGGER
from exp.config.combination_rules import check_batch_size
from exp.config.config_hash import config_hash
from exp.config.length import with_length
from exp.config.loggers import MLFLOW, SERVER_VARIABLE, check_server
from exp.config.schema import REQUEST_KEYS
from exp.config.targets import locate
from exp.errors import UserError, excerpt
from exp.run_folder import names
from exp.run_folder import read as run_files
from exp.run_folder.stored import GROUPS
from exp.system.safe_files import MissingError


class TrainingSizes:
    """The numbers of training examples of data sets, each looked up once however many jobs have that data set."""

    def __init__(self) -> None:
        """Nothing is looked up yet."""
        self._known: dict[str, int | UserError | None] = {}

    def of(self, data: Target) -> int | None:
        """The number of training examples; None if our own code cannot tell it quickly and without TensorFlow.

        Raises:
            UserError: the data cannot be found.
        """
        key = repr((data.name, sorted(data.arguments.items())))
        if key not in self._known:
            try:
                self._known[key] = _training_size(data)
            except UserError as error:
                self._known[key] = error
        size = self._known[key]
        if isinstance(size, UserError):
            raise UserError(str(size)) from size
        return size


def _training_size(data: Target) -> int | None:
    function = locate("data", data.name, trusted=()) if data.name.startswith("exp.") else None
    count = getattr(sys.modules[function.__module__], "count", None) if function else None
    size: int | None = count(**data.arguments) if count else None
    return size


def check_batch(config: Config, sizes: TrainingSizes) -> None:
    """Refuse a batch larger than the training set, if the size of that is known so early."""
    data = config.data
    size = sizes.of(data.target)
    if size is not None and config.mode == "train":
        if isinstance(data.validation, int | float):
            from exp.data.validation import validation_size

            size -= validation_size(data.validation, size)
        check_batch_size(data.batch_size, size if data.limit is None else min(size, data.limit))


def check_hydra(hydra: DictConfig) -> None:
    """Refuse what Hydra would do in its own way, without a word."""
    if hydra.job.chdir:
        raise UserError("hydra.job.chdir=true: a run stays in the folder that it was started from; leave it out")
    for given in map(str, hydra.overrides.task):
        group, _, value = given.partition("=")
        if group in GROUPS and value.startswith("["):
            raise UserError(f"{excerpt(given)}: must be the name of one choice; Hydra would take the last of several")


def is_search(hydra: DictConfig) -> bool:
    """Whether a sweeper chooses jobs by what came out of earlier ones."""
    sweeper = str(hydra.sweeper._target_)
    return hydra.mode == RunMode.MULTIRUN and not sweeper.endswith(("GridSweeper", "BasicSweeper"))


def check_loggers(config: Config) -> None:
    """Refuse an MLflow server if MLflow is not installed, or if the address that its variable has can be none.

    Raises:
        UserError: one of these.
    """
    if config.logger.mlflow is None:
        return
    found = importlib.util.find_spec("mlflow")
    if found is None or found.origin is None:  # a folder of that name, such as a server's, is no package
        raise UserError(
            f"{LOGGER}={MLFLOW}: needs MLflow's client: pip install 'exp[mlflow]'; or log elsewhere: "
            f"'{LOGGER}=[tensorboard,jsonl]'"
        )
    if config.logger.mlflow.tracking_uri is None and os.environ.get(SERVER_VARIABLE):
        check_server(SERVER_VARIABLE, os.environ[SERVER_VARIABLE])


def check_sweep(config: Config) -> None:
    """Refuse a job of a sweep whose workers would have to be started from outside."""
    if isinstance(config.device, WorkersDevices) and config.device.local is None:
        raise UserError(
            "device.local=null: the jobs of a sweep start their workers themselves; device.local=2 starts two"
        )


def check_unchanged(folder: Path, stored: Mapping[str, Any]) -> None:
    """Refuse to resume a run with another configuration than the one that it began with.

    The manifest has the hash of the configuration as it was written then; a run that was resumed since has the hash of
    that configuration with later keys.
    """
    with contextlib.suppress(MissingError):
        manifest = run_files.read_manifest(folder)
        noted, length = manifest.get("config_hash"), manifest.get("length")
        written = {key: node for key, node in run_files.read_config(folder).items() if key not in REQUEST_KEYS}
        # A run that was killed while it began to go on for longer has its new length in the one file only.
        same = [with_length(tree, length) if isinstance(length, dict) else tree for tree in (written, stored)]
        if noted is not None and noted not in map(config_hash, same):
            raise UserError(
                f"{folder}/{names.CONFIG}: was changed after the run began ({names.MANIFEST} has another hash), and "
                "all its results would be shown under the new values; undo that, or begin a new run"
            )
