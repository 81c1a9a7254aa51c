"""`exp.runs(DIR)`: runs as rows of plain values, for a notebook or a program."""

import warnings
from pathlib import Path
from typing import Any, Literal

from exp.compare.runs import Run, find_runs
from exp.errors import UserError


def runs(*places: str | Path, frame: Literal["pandas", "polars"] | None = None) -> Any:
    """All runs in some folders and below them, one dict each, in the order of their folders.

    A dict has `run` (the folder), the configuration by dotted key (`model`, `data.batch_size`), the results
    (`status`, `step`, `train/loss`, `test/accuracy`, `seconds.train`), and the manifest under `manifest.` (its key
    `git.commit` is `manifest.git.commit`). A key that a run lacks is not in its dict. A folder that cannot be read is
    left out, with a warning.

    Args:
        places: folders of runs, or folders that hold some.
        frame: give a DataFrame of this library instead; keys that a run lacks are null there.

    Raises:
        UserError: there is no run; or the library is not installed.
    """
    found, problems = find_runs(Path(place) for place in places)
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
    return module.DataFrame(rows, infer_schema_length=None, strict=False)
