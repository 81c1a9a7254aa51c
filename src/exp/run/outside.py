"""Makes the loggers outside of the run folder that a configuration asks for: MLflow, the user's own, a table."""

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from exp.config import Config, Target
from exp.config.choices import LOGGER
from exp.config.flat import flat_config
from exp.config.loggers import CSV, MLFLOW, SERVER_VARIABLE, Mlflow
from exp.config.targets import locate
from exp.errors import UserError
from exp.loggers.csv_table import CsvTable, logged_rows
from exp.loggers.outside import OutsideLogger, Say
from exp.run.instantiate import instantiate
from exp.run.request import Request
from exp.run_folder.names import METRICS

DEFAULT_SERVER = "http://127.0.0.1:5000"
"""Where `mlflow server` listens, unless it is told otherwise."""
GIVEN = ("folder", "done")
"""What a logger of the user's own may take besides its arguments: the run folder, and the steps done so far."""
_QUIET = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # MLflow's own patience is minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
}
"""Settings of MLflow's, unless the user has others."""


def check_own(config: Config) -> None:
    """Import the user's own loggers, without making them.

    Raises:
        UserError: one is not trusted, is not there, or does not take its arguments.
    """
    for name, target in config.logger.own.items():
        path = f"{LOGGER}.{name}"
        found = locate(path, target.name, trusted=config.trusted_targets)
        try:
            inspect.signature(found).bind(**target.arguments, **_named(found, dict.fromkeys(GIVEN)))
        except TypeError as error:
            raise UserError(f"{path}._target_={target.name}: {error}") from error


def outside_loggers(request: Request, *, run: str, done: int, threads: int | None, say: Say) -> list[OutsideLogger]:
    """Begin the loggers; each is made in its own thread.

    Args:
        request: what is asked for.
        run: the name of the run in its checkpoints.
        done: the number of steps done so far; `metrics.jsonl` has no later ones.
        threads: number of threads of the run.
        say: tells the person.
    """
    asked, folder = request.config.logger, request.folder
    makers: dict[str, Callable[[], Any]] = {
        name: partial(_own, name, target, request.config.trusted_targets, folder=folder, done=done)
        for name, target in asked.own.items()
    }
    earlier = logged_rows(folder / METRICS) if asked.csv or asked.mlflow else []
    if asked.csv:
        makers[CSV] = partial(CsvTable, folder, earlier=earlier)
    if asked.mlflow:
        config = flat_config(request.tree, threads=threads, choices=request.choices)
        makers[MLFLOW] = partial(_mlflow, request, asked.mlflow, run=run, config=config, earlier=earlier, say=say)
    return [OutsideLogger(name, make, say=say) for name, make in makers.items()]


def _own(name: str, target: Target, trusted: Sequence[str], *, folder: Path, done: int) -> Any:
    return instantiate(f"{LOGGER}.{name}", target, trusted, folder=folder, done=done)


def _named(function: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the signature of a function names of what it is given."""
    return {name: value for name, value in given.items() if name in inspect.signature(function).parameters}


def _mlflow(
    request: Request, asked: Mlflow, *, run: str, config: Mapping[str, Any], earlier: Sequence[Any], say: Say
) -> Any:
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    from exp.loggers.mlflow_mirror import MlflowMirror

    return MlflowMirror(
        request.folder,
        address=(asked.tracking_uri or os.environ.get(SERVER_VARIABLE) or DEFAULT_SERVER).rstrip("/"),
        experiment=asked.experiment,
        artifacts=asked.artifacts,
        run=run,
        is_test=request.config.mode == "test",
        config=config,
        earlier=earlier,
        sweep=Path(str(request.sweep["folder"])) if request.sweep else None,
        say=say,
    )
