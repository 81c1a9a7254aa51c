"""One job: from what Hydra composed to a run that has ended. `run.py` does one of these, a sweep many."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from exp.cli.request import make_request
from exp.distributed.cluster import is_follower
from exp.errors import JobsFailed, UserError
from exp.loggers.console import Display
from exp.run.run import Request
from exp.run.workers import run_in_group
from exp.run_folder.folder import is_completed, read_results


@dataclass(frozen=True)
class Ended:
    """How a job ended."""

    status: int
    """Its exit status, as `run.py` has it."""
    folder: Path


def do_job(composed: DictConfig, display: Display, *, started: float) -> Ended:
    """Do what a composed command line asks for, in the folder that Hydra chose; nothing, if that is done already.

    Args:
        composed: the configuration; Hydra's own part is taken from `HydraConfig`.
        display: what the person sees.
        started: `time.perf_counter()` at the start of the program, or of the job.

    Raises:
        UserError: it is impossible.
    """
    return _do(_request(composed), display, started=started)


def do_swept_job(composed: DictConfig, display: Display, *, started: float) -> float | None:
    """Do a job of a sweep under another launcher than ours; returns the figure for its sweeper.

    Arguments are those of `do_job`.

    Raises:
        UserError: its configuration is wrong.
        JobsFailed: it did not complete, or turned out to be impossible.
    """
    request = _request(composed)
    try:
        ended = _do(request, display, started=started)
    except UserError as error:
        raise JobsFailed(f"{request.folder}: {error}") from error
    if ended.status:
        results = read_results(ended.folder)
        raise JobsFailed(f"{ended.folder}: {results.get('error') or results.get('status')}")
    return figure_for_sweeper(ended.folder, composed.objective)


def figure_for_sweeper(folder: Path, objective: str) -> float | None:
    """What a launcher hands on to a sweeper of a job that is completed.

    Args:
        folder: of its run.
        objective: the figure's name in `results.json`, such as `test/accuracy`.
    """
    results: Any = read_results(folder)
    for part in objective.split("/"):
        results = results.get(part) if isinstance(results, dict) else None
    return float(results) if isinstance(results, int | float) else None


def _request(composed: DictConfig) -> Request:
    hydra_config: Any = HydraConfig.get()
    return make_request(composed, hydra_config, Path(hydra_config.runtime.output_dir))


def _do(request: Request, display: Display, *, started: float) -> Ended:
    if request.resumed and is_completed(request.folder):
        display.say(f"{request.folder}: this run is completed; nothing is left to do")
        return Ended(0, request.folder)
    if not is_follower(request.config.device):
        display.config(request.tree)
    return Ended(run_in_group(request, display, started=started), request.folder)
