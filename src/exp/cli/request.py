"""From a composed command line to the run it asks for: a new one, a test of another, or one to go on with."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from exp.cli.request_checks import check_batch, check_hydra, check_unchanged
from exp.config import Config, WorkersDevices, parse, yaml_text
from exp.distributed.cluster import is_follower
from exp.errors import UserError, excerpt
from exp.run.run import Request
from exp.run_folder import files as run_files
from exp.run_folder.folder import config_hash, is_of_refused_run, new_folder
from exp.run_folder.stored import check_log, folder_of_run, folder_to_resume, stored_config
from exp.system.lock import is_locked
from exp.terminal import commands

TEST_GROUPS = ("exec", "device", "summary")
"""Groups that a test may be given anew, as a whole; of others only which checkpoint, where the data is, and batches."""
TEST_KEYS = (
    "checkpoint.restore",
    "data.batch_size",
    "data.dir",
    "data.source",
    "data.prefetch",
    "data.cache",
    "data.cache_dir",
)

OBJECTIVES = ("test/accuracy", "test/loss", "train/loss", "examples_per_second")
"""Figures of `results.json` that a searching sweeper can be given."""


def choose_folder(composed: DictConfig, hydra: DictConfig) -> Path:
    """Check what is asked for, and make (or, for `resume`, find) the folder of the run.

    Raises:
        UserError: the configuration or the folder is wrong. Nothing was written then.
    """
    config, _ = check(composed, hydra)
    resume = composed.get("resume")
    if resume is not None:
        return folder_to_resume(resume)
    if is_follower(config.device):
        return Path()  # the chief chooses; nothing is written here
    wanted = inside("hydra.run.dir", hydra.run.dir)
    if not _is_given("hydra.run.dir", hydra):
        kind = "_test" if config.mode == "test" else ""
        return new_folder(wanted.with_name(f"{wanted.name}_{config.label()}{kind}"))
    try:
        wanted.mkdir(parents=True, exist_ok=True)
        refused = is_of_refused_run(wanted)
    except OSError as error:
        raise UserError(f"hydra.run.dir={wanted}: cannot be made ({error.strerror})") from error
    if not refused:
        way_on = f", or {commands.override('resume', wanted)}" if (wanted / ".hydra" / "config.yaml").is_file() else ""
        raise UserError(f"hydra.run.dir={wanted}: is not empty; take another folder{way_on}")
    if is_locked(wanted / ".lock"):
        raise UserError(f"hydra.run.dir={wanted}: another process is running in this folder")
    check_log(wanted)
    return wanted


def choose_sweep_folder(composed: DictConfig, hydra: DictConfig) -> Path:
    """Make the folder of a sweep; one that the command line names may be there, and the sweep in it goes on.

    Raises:
        UserError: it cannot be made, or leads out of its place.
    """
    wanted = inside("hydra.sweep.dir", hydra.sweep.dir)
    if any((place / "manifest.json").exists() for place in (wanted, *wanted.parents)):
        raise UserError(f"hydra.sweep.dir={wanted}: is the folder of a run, or in one")
    if not _is_given("hydra.sweep.dir", hydra):
        return new_folder(wanted, key="hydra.sweep.dir")
    if wanted.is_dir():  # a sweep to go on with: its jobs write in their folders
        for folder in (wanted, *(job for job in wanted.iterdir() if job.is_dir())):
            run_files.check_places(folder)
    return wanted


def _is_given(key: str, hydra: DictConfig) -> bool:
    return any(str(override).lstrip("+").startswith(f"{key}=") for override in hydra.overrides.hydra)


def check(composed: DictConfig, hydra: DictConfig) -> tuple[Config, dict[str, Any]]:
    """All that can be checked before TensorFlow is imported; returns the configuration of the run, also as plain data.

    Raises:
        UserError: something is wrong.
    """
    check_hydra(hydra)
    config, tree = _effective(composed, hydra)
    check_batch(config)
    if hydra.mode == RunMode.MULTIRUN and isinstance(config.device, WorkersDevices) and config.device.local is None:
        raise UserError(
            "device.local=null: the jobs of a sweep start their workers themselves; device.local=2 starts two"
        )
    return config, tree


def inside(key: str, folder: Any) -> Path:
    """A folder that does not lead out of its place.

    Raises:
        UserError: it does.
    """
    path = Path(str(folder))
    if path == Path():
        raise UserError(f"{key}={folder}: must name a folder")
    if ".." in path.parts:
        raise UserError(f"{key}={excerpt(path)}: must not lead out of its place with '..'")
    try:
        path.exists()
    except (OSError, ValueError) as error:  # a name that no file can have: too long, or with a NUL
        raise UserError(f"{key}={excerpt(path)}: cannot be a folder ({getattr(error, 'strerror', error)})") from error
    return path


def make_request(composed: DictConfig, hydra: DictConfig, folder: Path) -> Request:
    """The run to do in a folder. A job of a sweep that finds its own run there goes on with it.

    Raises:
        UserError: the configuration is wrong, or the folder holds a run of another one.
    """
    config, tree = _effective(composed, hydra)
    in_sweep = hydra.mode == RunMode.MULTIRUN
    resumed = _is_begun(_relative(folder), tree) if in_sweep else composed.get("resume") is not None
    files = {
        "config.yaml": OmegaConf.to_yaml(OmegaConf.create(dict(tree))),
        "overrides.yaml": OmegaConf.to_yaml(hydra.overrides.task),
        "hydra.yaml": OmegaConf.to_yaml(OmegaConf.create({"hydra": hydra})),
    }
    return Request(
        config=config,
        tree=tree,
        folder=_relative(folder),
        command=["python", *sys.argv],
        config_files={} if resumed else files,
        tested=folder_of_run("run", composed.run) if config.mode == "test" else None,
        resumed=resumed,
        sweep={"folder": str(hydra.sweep.dir), "n_jobs": hydra.launcher.get("n_jobs")} if in_sweep else None,
    )


def _is_begun(folder: Path, tree: Mapping[str, Any]) -> bool:
    """Whether a folder holds a run with this configuration."""
    way_out = f"move {folder} away, and the job runs anew"
    if not (folder / ".hydra" / "config.yaml").is_file():
        if any((folder / "checkpoints").glob("*")):
            raise UserError(f"{folder}: has checkpoints, and no .hydra/config.yaml that tells of which run; {way_out}")
        return False
    try:
        stored = stored_config("hydra.sweep.dir", folder)
    except UserError as error:
        raise UserError(f"{error}; {way_out}") from error
    if config_hash(stored) != config_hash(tree):
        raise UserError(f"{folder}: holds a run with another configuration; take another hydra.sweep.dir")
    return True


def _effective(composed: DictConfig, hydra: DictConfig) -> tuple[Config, dict[str, Any]]:
    """The configuration that counts, checked: the composed one, or that of the run which is tested or resumed."""
    tree = plain(composed)
    given = [str(override) for override in hydra.overrides.task]
    mode, run, resume = tree.get("mode"), tree.pop("run", None), tree.pop("resume", None)
    objective = tree.pop("objective", None)
    if objective not in OBJECTIVES:
        raise UserError(f"objective={yaml_text(objective)}: must be one of {', '.join(OBJECTIVES)}")
    if resume is not None and hydra.mode == RunMode.MULTIRUN:
        raise UserError(f"resume={resume}: goes with a single run; a sweep goes on when its command is given again")
    if resume is not None:
        others = [override for override in given if override.split("=")[0] not in ("resume", "trusted_targets")]
        if others:
            raise UserError(f"resume={resume}: goes on with the run's own config; leave out {' '.join(others)}")
        stored = stored_config("resume", resume)
        config = parse(stored, trusted=tree["trusted_targets"])
        check_unchanged(Path(str(resume)), stored)
        return config, stored
    if mode == "test":
        if run is None:
            raise UserError("mode=test: needs run=RUN_DIR, the folder of the run to test")
        stored = _for_test(stored_config("run", run), tree, given)
        return parse(stored, trusted=tree["trusted_targets"]), stored
    if run is not None:
        raise UserError(f"run={run}: goes with mode=test; to go on with a run, use {commands.override('resume', run)}")
    return parse(tree), tree


def plain(composed: DictConfig) -> dict[str, Any]:
    """A composed configuration as plain dicts, lists and scalars, interpolations resolved.

    Raises:
        UserError: an interpolation leads nowhere.
    """
    try:
        own = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
        tree = OmegaConf.to_container(own, resolve=True)
    except OmegaConfBaseException as error:
        raise UserError(f"{getattr(error, 'full_key', None) or 'config'}: {str(error).splitlines()[0]}") from error
    assert isinstance(tree, dict)
    return {str(key): value for key, value in tree.items()}


def _for_test(stored: dict[str, Any], composed: Mapping[str, Any], given: list[str]) -> dict[str, Any]:
    """The tested run's configuration, with what the command line says anew about how to execute the test."""
    for override in given:
        key = override.split("=")[0].lstrip("+~")
        group = key.split(".")[0]
        same_data = key == "data" and composed["data"].get("_target_") == stored["data"].get("_target_")
        if key in ("mode", "run", "trusted_targets") or same_data:
            continue
        if group in TEST_GROUPS:
            stored[group] = composed[group]
        elif key in TEST_KEYS:
            stored[group][key.split(".")[1]] = composed[group][key.split(".")[1]]
        else:
            allowed = ", ".join((*TEST_GROUPS, *TEST_KEYS))
            raise UserError(f"{override}: a test has the config of its run; only these can be given anew: {allowed}")
    return {**stored, "mode": "test"}


def _relative(folder: Path) -> Path:
    """The folder as a person would write it: from here where it is below, else in full."""
    try:
        return folder.relative_to(Path.cwd())
    except ValueError:
        return folder
