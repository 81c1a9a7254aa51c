"""One job: from what Hydra composed to a run that has ended. `run.py` does one of these, a sweep many."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from exp.cluster import is_follower
from exp.console import Display
from exp.errors import JobsFailed
from exp.outputs import is_completed, read_results
from exp.request import make_request
from exp.worker import run_in_team


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
    hydra_config: Any = HydraConfig.get()
    request = make_request(composed, hydra_config, Path(hydra_config.runtime.output_dir))
    if request.resumed and is_completed(request.folder):
        display.say(f"{request.folder}: this run is completed; nothing is left to do")
        return Ended(0, request.folder)
    if not is_follower(request.config.device):
        display.config(request.tree)
    return Ended(run_in_team(request, display, started=started), request.folder)


def figure_for_sweeper(ended: Ended, objective: str) -> float | None:
    """What a launcher hands on to a sweeper of a job that has ended.

    Args:
        ended: the job.
        objective: the figure's name in `results.json`, such as `test/accuracy`.

    Raises:
        JobsFailed: the job did not complete.
    """
    results: Any = read_results(ended.folder)
    if ended.status:
        raise JobsFailed(f"{ended.folder}: {results.get('error') or results.get('status')}")
    for part in objective.split("/"):
        results = results.get(part) if isinstance(results, dict) else None
    return float(results) if isinstance(results, int | float) else None
