"""From what Hydra composed to the one `Request` that everything after it is given.

A single run's request is made by the preflight, before Hydra makes a folder, and taken by the job. A job of a sweep
begins in another process, or without a preflight, and makes its request itself.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from exp.cli.choices_made import choices_made
from exp.cli.choose_folder import choose_run_folder
from exp.cli.effective_config import TEST_GROUPS, effective_config
from exp.cli.request_checks import TrainingSizes, check_batch, check_hydra, check_loggers, check_sweep, is_search
from exp.config import Config, Device
from exp.config.choices import label
from exp.config.config_hash import config_hash
from exp.config.length import length_of
from exp.config.question import RegisteredQuestion, parse_question
from exp.distributed.cluster import Cluster, find_cluster, in_cluster
from exp.errors import UserError
from exp.run.request import Request
from exp.run_folder import names
from exp.run_folder.read import is_completed
from exp.run_folder.stored import folder_of_run, folder_to_resume, stored_choices, stored_config
from exp.system.files import from_here
from exp.terminal.commands import FOLDER_VARIABLE, command_line

OWN_LAUNCHERS = "hydra_plugins.exp_sweep."
"""Begins the names of the launchers that keep a ledger of the sweep."""
_made: dict[tuple[str, ...], Request] = {}
"""The preflight's request, until its job takes it. The key is all that Hydra tells the job, so no other job fits."""


def make_request(composed: DictConfig) -> None:
    """Check what a single run asks for, choose its folder, tell Hydra, and keep the request for `take_request`.

    Args:
        composed: the configuration, with Hydra's own part in it.

    Raises:
        UserError: the configuration, the cluster or the folder is wrong. Nothing was written then.
    """
    hydra = composed.hydra
    config, tree = check(composed, hydra)
    choices = _choices(composed, hydra)
    resume, made = composed.get("resume"), None
    if resume is not None:
        folder = folder_to_resume(resume)
        completed = is_completed(folder) and not _is_extended(folder, tree)
        cluster = _cluster(config.device, completed=completed)
    else:
        cluster = find_cluster(config.device)
        follows = cluster is not None and not cluster.is_chief
        name = f"{label(tree, choices)}{'_test' if config.mode == 'test' else ''}"
        given = is_given("hydra.run.dir", hydra)
        # The chief chooses for all workers, and the others write nothing here.
        folder, made = (Path(), None) if follows else choose_run_folder(hydra.run.dir, given=given, label=name)
    with read_write(hydra), open_dict(hydra.runtime):
        hydra.run.dir = str(folder)
        hydra.runtime.output_dir = os.path.abspath(folder)  # noqa: PTH100 as Hydra does it for the job
    request = _request(composed, hydra, config, tree, choices=choices, resumed=resume is not None)
    request = replace(request, cluster=cluster, made=made)
    if request.is_follower:
        with read_write(hydra.job_logging):  # `exp.run.gather_workers` decides where the log of a follower goes
            hydra.job_logging.handlers.file.filename = os.devnull
    tell = os.environ.pop(FOLDER_VARIABLE, None)  # programs that the run starts have other folders
    if tell is not None and not request.is_follower:
        Path(tell).write_text(str(folder))
    _made.clear()
    _made[_key(composed, hydra)] = request


def take_request(composed: DictConfig) -> Request:
    """The request of the job that Hydra begins: the preflight's if there was one, else a new one.

    Args:
        composed: the configuration, without Hydra's own part, which is taken from `HydraConfig`.

    Raises:
        UserError: the configuration is wrong, or the folder holds a run with another one.
    """
    hydra: Any = HydraConfig.get()
    made = _made.pop(_key(composed, hydra), None) if _made else None
    if made is not None:
        return made
    config, tree = _effective(composed, hydra)
    in_sweep = hydra.mode == RunMode.MULTIRUN
    resumed = _is_begun(_folder(hydra), tree) if in_sweep else composed.get("resume") is not None
    request = _request(composed, hydra, config, tree, choices=_choices(composed, hydra), resumed=resumed)
    return request if in_sweep else with_cluster(request)


def with_cluster(request: Request) -> Request:
    """The request of a job that had no preflight, with the cluster that its process belongs to.

    Raises:
        UserError: the environment does not describe a cluster, and the configuration needs one.
    """
    completed = request.resumed and not request.extended and is_completed(request.folder)
    return replace(request, cluster=_cluster(request.config.device, completed=completed))


def check(composed: DictConfig, hydra: DictConfig, sizes: TrainingSizes | None = None) -> tuple[Config, dict[str, Any]]:
    """Check all that can be checked before TensorFlow is imported; returns the run's configuration, also as plain data.

    Args:
        composed: the configuration.
        hydra: Hydra's own part of it.
        sizes: the sizes of data sets that are known already, if several jobs are checked.

    Raises:
        UserError: something is wrong.
    """
    check_hydra(hydra)
    config, tree = _effective(composed, hydra)
    check_batch(config, sizes or TrainingSizes())
    check_loggers(config)
    if hydra.mode == RunMode.MULTIRUN:
        check_sweep(config)
    return config, tree


def is_given(key: str, hydra: DictConfig) -> bool:
    """Whether the command line sets one of Hydra's own keys, such as `hydra.run.dir`."""
    return any(str(override).lstrip("+").startswith(f"{key}=") for override in hydra.overrides.hydra)


def plain(composed: DictConfig) -> dict[str, Any]:
    """A composed configuration as plain dicts, lists and scalars, interpolations resolved.

    Raises:
        UserError: an interpolation leads nowhere.
    """
    try:
        tree = OmegaConf.to_container(_own(composed), resolve=True)
    except OmegaConfBaseException as error:
        raise UserError(f"{getattr(error, 'full_key', None) or 'config'}: {str(error).splitlines()[0]}") from error
    assert isinstance(tree, dict)
    return {str(key): value for key, value in tree.items()}


def question_in(composed: DictConfig) -> RegisteredQuestion | None:
    """The question of a composed configuration.

    Raises:
        UserError: it is none.
    """
    node = composed.get("question")
    return parse_question(OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node)


def _own(composed: DictConfig) -> DictConfig:
    return OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])


def _key(composed: DictConfig, hydra: DictConfig) -> tuple[str, ...]:
    """What tells a job from all others: its folder, its overrides, its configuration."""
    return (str(hydra.runtime.output_dir), *map(str, hydra.overrides.task), OmegaConf.to_yaml(_own(composed)))


def _effective(composed: DictConfig, hydra: DictConfig) -> tuple[Config, dict[str, Any]]:
    overrides = [str(override) for override in hydra.overrides.task]
    in_sweep = hydra.mode == RunMode.MULTIRUN
    return effective_config(plain(composed), overrides=overrides, in_sweep=in_sweep, in_search=is_search(hydra))


def _request(
    composed: DictConfig,
    hydra: DictConfig,
    config: Config,
    tree: Mapping[str, Any],
    *,
    choices: Mapping[str, str],
    resumed: bool,
) -> Request:
    in_sweep = hydra.mode == RunMode.MULTIRUN
    files = {
        names.CONFIG_YAML: OmegaConf.to_yaml(OmegaConf.create(dict(tree))),
        names.OVERRIDES_YAML: OmegaConf.to_yaml(hydra.overrides.task),
        names.HYDRA_YAML: OmegaConf.to_yaml(OmegaConf.create({"hydra": hydra})),
    }
    extended = resumed and _is_extended(_folder(hydra), tree)
    if resumed:
        files = {name: text for name, text in files.items() if extended and name == names.CONFIG_YAML}
    return Request(
        config=config,
        tree=tree,
        folder=_folder(hydra),
        command=command_line(),
        choices=choices,
        config_files=files,
        tested=folder_of_run("run", composed.run) if config.mode == "test" else None,
        resumed=resumed,
        extended=extended,
        sweep=_sweep(composed, hydra) if in_sweep else None,
        objective=composed.objective,
    )


def _choices(composed: DictConfig, hydra: DictConfig) -> dict[str, str]:
    """The choices of the run that is asked for; of one that is tested or resumed, those that it was begun with."""
    begun = composed.get("resume") or composed.get("run")
    here = choices_made(composed, hydra)
    if begun is None:
        return here
    given = {str(override).lstrip("+").partition("=")[0].partition(".")[0] for override in hydra.overrides.task}
    anew = {group: name for group, name in here.items() if group in given and group in TEST_GROUPS}
    return {**stored_choices(Path(str(begun))), **anew}


def _sweep(composed: DictConfig, hydra: DictConfig) -> dict[str, Any]:
    """What the manifest of a job says about its sweep.

    Raises:
        UserError: the sweep has a question, and a launcher that keeps no ledger.
    """
    question = question_in(composed)
    if question is not None and not str(hydra.launcher._target_).startswith(OWN_LAUNCHERS):
        raise UserError(
            "question: is registered in sweep.json, which this launcher does not write; take hydra/launcher=processes "
            "or hydra/launcher=slurm"
        )
    facts = {"folder": str(hydra.sweep.dir), "n_jobs": hydra.launcher.get("n_jobs")}
    return facts if question is None else {**facts, "question_sha256": question.sha256}


def _is_extended(folder: Path, tree: Mapping[str, Any]) -> bool:
    """Whether a run that is resumed has another length than its folder says."""
    return length_of(stored_config("resume", folder)) != length_of(tree)


def _folder(hydra: DictConfig) -> Path:
    """The folder that Hydra has for a job."""
    return from_here(Path(hydra.runtime.output_dir))


def _cluster(device: Device, *, completed: bool) -> Cluster | None:
    """The cluster of this process; a run that is completed needs none, and is told so without one."""
    return None if completed and not in_cluster() else find_cluster(device)


def _is_begun(folder: Path, tree: Mapping[str, Any]) -> bool:
    """Whether the folder of a job holds a run with this configuration, which is then resumed.

    Raises:
        UserError: it holds another run, or what remains of one.
    """
    way_out = f"move {folder} away, and the job runs anew"
    if not (folder / names.CONFIG).is_file():
        if any((folder / names.CHECKPOINTS).glob("*")):
            raise UserError(f"{folder}: has checkpoints, and no {names.CONFIG} that tells of which run; {way_out}")
        return False
    try:
        stored = stored_config("hydra.sweep.dir", folder)
    except UserError as error:
        raise UserError(f"{error}; {way_out}") from error
    if config_hash(stored) != config_hash(tree):
        raise UserError(f"{folder}: holds a run with another configuration; take another hydra.sweep.dir")
    return True
