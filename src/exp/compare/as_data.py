"""`exp.runs(DIR)`: runs as rows of plain values, for a notebook or a program."""

import warnings
from pathlib import Path
from typing import Any, Literal

from exp.compare.runs import Run, find_runs
from exp.config import yaml_text
from exp.errors import UserError


def runs(*places: str | Path, frame: Literal["pandas", "polars"] | None = None) -> Any:
    """All runs in some folders and below them, one dict each, in the order of their folders.

    A dict has `run` (the folder), the configuration by dotted key (`model`, `data.batch_size`), the results
    (`status`, `step`, `train/loss`, `test/accuracy`, `seconds.train`), and the manifest under `manifest.` (its key
    `git.commit` is `manifest.git.commit`). A key that a run lacks is not in its dict. A folder that cannot be read is
    left out, with a warning.

    Args:
        places: folders of runs, or folders that hold some.
        frame: give a DataFrame of this library instead; keys that a run lacks are null there. The columns of Polars
            have one type, so that values of several kinds under one key are text there.

    Raises:
        UserError: there is no run; or the library is not installed.
    """
    if not places:
        raise UserError("exp.runs: which folders? For example exp.runs('outputs')")
    found, problems = find_runs([Path(place) for place in places])
    for problem in problems:
        warnings.warn(f"left out: {problem}", UserWarning, stacklevel=2)
    rows = [_row(run) for run in found]
    return rows if frame is None else _frame(rows, frame)


def _row(run: Run) -> dict[str, Any]:
    manifest = {f"manifest.{key}": value for key, value in run.manifest.items()}
    return {"run": str(run.folder), **run.results, **run.config, **manifest}


def _frame(rows: list[dict[str, Any]], library: str) -> Any:
    import importlib

    if library not in ("pandas", "polars"):
        raise UserError(f"frame={library}: must be pandas or polars")
    try:
        module = importlib.import_module(library)
    except ModuleNotFoundError as error:
        raise UserError(f"frame={library}: {library} is not installed; without frame, runs are dicts") from error
    if library == "pandas":
        return module.DataFrame(rows)
    return module.DataFrame(_of_one_type(rows), infer_schema_length=None, strict=False)


def _of_one_type(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows, with text where a key has values of several kinds, or lists, whose parts can be of several."""
    kinds: dict[str, set[type]] = {}
    for row in rows:
        for key, value in row.items():
            if value is not None:
                kinds.setdefault(key, set()).add(float if type(value) is int else type(value))
    as_text = {key for key, of_key in kinds.items() if len(of_key) > 1 or not of_key <= {float, str, bool}}
    return [
        {key: yaml_text(value) if key in as_text and value is not None else value for key, value in row.items()}
        for row in rows
    ]
