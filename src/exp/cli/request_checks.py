"""What is looked at before a request is made, besides the configuration: Hydra, the data set, the run's folder."""

import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from exp.config import Config
from exp.config.rules import check_batch_size
from exp.config.schema import REQUEST_KEYS
from exp.config.targets import locate
from exp.errors import UserError, excerpt
from exp.run_folder import files as run_files
from exp.run_folder.folder import config_hash
from exp.run_folder.stored import GROUPS
from exp.system.safe_files import MissingError


def check_hydra(hydra: DictConfig) -> None:
    """Refuse what Hydra would do in its own way, without a word."""
    if hydra.job.chdir:
        raise UserError("hydra.job.chdir=true: a run stays in the folder that it was started from; leave it out")
    for given in map(str, hydra.overrides.task):
        group, _, value = given.partition("=")
        if group in GROUPS and value.startswith("["):
            raise UserError(f"{excerpt(given)}: must be the name of one choice; Hydra would take the last of several")


def check_unchanged(folder: Path, stored: Mapping[str, Any]) -> None:
    """Refuse to go on with another configuration than the one that a run began with.

    The manifest has its hash: of what was written then, or, of a run that was resumed, of that with later keys.
    """
    with contextlib.suppress(MissingError):
        noted = run_files.read_manifest(folder).get("config_hash")
        written = {key: node for key, node in run_files.read_config(folder).items() if key not in REQUEST_KEYS}
        if noted is not None and noted not in (config_hash(written), config_hash(stored)):
            raise UserError(
                f"{folder}/.hydra/config.yaml: was changed after the run began (manifest.json has another hash), and "
                "all its results would be shown under the new values; undo that, or begin a new run"
            )


def check_batch(config: Config) -> None:
    """Refuse a batch larger than the set, where our own data sets can tell their size without TensorFlow."""
    data = config.data
    function = locate("data", data.target.name, trusted=()) if data.target.name.startswith("exp.") else None
    count = getattr(sys.modules[function.__module__], "count", None) if function else None
    size = count(**data.target.arguments) if count else None
    if size is not None:
        check_batch_size(data.batch_size, size if data.limit is None else min(size, data.limit))
