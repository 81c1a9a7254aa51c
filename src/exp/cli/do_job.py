"""One job: from its request to a run that has ended. `run.py` does one of these, a sweep many."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exp.cli.make_request import with_cluster
from exp.errors import JobsFailed, UserError
from exp.loggers.console import Display
from exp.run.request import Request
from exp.run.run import run
from exp.run_folder.read import is_completed, results_if_any
from exp.run_folder.results import metrics_among


@dataclass(frozen=True)
class Ended:
    """How a job ended."""

    status: int
    """Its exit status, as `run.py` has it."""
    folder: Path


def do_job(request: Request, display: Display, *, started: float) -> Ended:
    """Do what is asked for; nothing, if that is done already.

    Args:
        request: made by `exp.cli.make_request`, with its cluster.
        display: what the person sees.
        started: `time.perf_counter()` at the start of the program, or of the job.

    Raises:
        UserError: it is impossible here.
    """
    if request.resumed and not request.extended and is_completed(request.folder):
        display.say(
            f"{request.folder}: this run is completed; nothing is left to do (train.epochs=N goes on for longer)"
        )
        return Ended(0, request.folder)
    if not request.is_follower:
        display.config(request.tree)
    return Ended(run(request, display, started=started), request.folder)


def do_swept_job(request: Request, display: Display, *, started: float) -> float | None:
    """Do a job of a sweep under one of Hydra's own launchers; returns the figure for its sweeper.

    Args:
        request: made by `exp.cli.make_request`, without its cluster.
        display: what the person sees.
        started: `time.perf_counter()` at the start of the program.

    Raises:
        JobsFailed: it did not complete, or turned out to be impossible.
    """
    try:
        ended = do_job(with_cluster(request), display, started=started)
    except UserError as error:
        raise JobsFailed(f"{request.folder}: {error}") from error
    if ended.status:
        results = results_if_any(ended.folder)
        raise JobsFailed(f"{ended.folder}: {results.get('error') or results.get('status')}")
    return figure_for_sweeper(ended.folder, request.objective)


def figure_for_sweeper(folder: Path, objective: str | None) -> float | None:
    """What a launcher hands on to a sweeper of a job that is completed.

    Args:
        folder: the folder of its run.
        objective: the figure's name in `results.json`, such as `validation/accuracy`; None: the first metric of the
            task, on the validation split.
    """
    results: Any = results_if_any(folder)
    if objective is None:
        objective = f"validation/{next(iter(metrics_among(results.get('validation') or {})), 'loss')}"
    for part in objective.split("/"):
        results = results.get(part) if isinstance(results, dict) else None
    return float(results) if isinstance(results, int | float) else None
