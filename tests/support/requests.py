"""The requests that command lines come to, made in this process as Hydra has them made; nothing is run."""

from collections.abc import Callable, Sequence
from pathlib import Path

from hydra import initialize_config_dir, version
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import run_job, setup_globals
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig

from exp.cli.conf import VERSION_BASE
from exp.cli.make_request import take_request
from exp.cli.preflight import CallbackError, Preflight
from exp.run.request import Request
from exp.sweep.plan import Job, Plan

CONF = str(Path(__file__).resolve().parents[2] / "conf")


def requested(*overrides: str, preflight: bool = True, take: Callable[[DictConfig], Request] = take_request) -> Request:
    """The request of `python run.py OVERRIDES` in the current folder.

    Args:
        *overrides: the command line.
        preflight: whether there is one, which makes the request ahead of the job.
        take: what the job does.

    Raises:
        UserError: there is none.
    """
    with initialize_config_dir(CONF, version_base=VERSION_BASE):
        composed = _load(overrides, RunMode.RUN)
    try:
        if preflight:
            Preflight().on_run_start(composed)
        return _job(composed, take, "hydra.run.dir", None)
    except CallbackError as carrier:
        raise carrier.error from None
    finally:
        HydraConfig.instance().cfg = None


def planned(overrides: Sequence[str], jobs: Sequence[Sequence[str]]) -> list[Job]:
    """The jobs of a sweep, checked as before it starts.

    Args:
        overrides: the command line.
        jobs: the overrides of each job.
    """
    with initialize_config_dir(CONF, version_base=VERSION_BASE):
        master = _load(["hydra.sweep.dir=s", *overrides], RunMode.MULTIRUN)
        plan = Plan(master, GlobalHydra.instance().config_loader(), threads=1, n_jobs=1)
        try:
            return plan.jobs(jobs, first=0)
        finally:
            HydraConfig.instance().cfg = None


def requested_by(job: Job) -> Request:
    """The request that a job of a sweep makes in its own process."""
    try:
        return _job(job.composed, take_request, "hydra.sweep.dir", "hydra.sweep.subdir")
    finally:
        HydraConfig.instance().cfg = None


def _load(overrides: Sequence[str], mode: RunMode) -> DictConfig:
    composed: DictConfig = GlobalHydra.instance().config_loader().load_configuration("config", list(overrides), mode)
    return composed


def _job(
    composed: DictConfig, take: Callable[[DictConfig], Request], folder_key: str, subfolder_key: str | None
) -> Request:
    version.setbase(VERSION_BASE)
    setup_globals()
    ended = run_job(
        take,
        composed,
        job_dir_key=folder_key,
        job_subdir_key=subfolder_key,
        hydra_context=HydraContext(config_loader=None, callbacks=Callbacks()),
        configure_logging=False,
    )
    request: Request = ended.return_value
    return request
