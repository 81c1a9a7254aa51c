"""What a report says, as plain data: the question, the answers, and every run with the digests of its files."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from exp.compare.against import Comparison, Question, compare
from exp.compare.confounders import confounders
from exp.compare.rows import Row, rows_of
from exp.compare.runs import Run
from exp.compare.show_verdicts import facts_of
from exp.compare.table import differing
from exp.run_folder import names
from exp.system.safe_files import MissingError, read_bytes

FILES = (names.CONFIG, names.MANIFEST, names.METRICS, names.RESULTS)
"""The files of a run that a report stands on, each with its digest."""
LARGEST_FILE = 2**30


def findings(runs: Sequence[Run], question: Question, *, folder: Path) -> dict[str, Any]:
    """Everything that a report says, for JSON.

    Args:
        runs: of the comparison, in the order of their folders.
        question: what is asked of them.
        folder: the runs are named relative to it.

    Raises:
        UserError: the question cannot be asked of these runs, or a file cannot be read.
    """
    rows = rows_of(runs)
    made = compare(rows, question)
    return {
        "question": {
            "baseline": dict(question.baseline),
            "metric": question.metric,
            "goal": question.goal,
            "margin": question.margin,
            "accepted": sorted(question.accepted),
            "at": question.at,
        },
        "comparisons": [{"name": one.name, **facts_of(one, question.metric)} for one in made],
        "rows": [_row(row, rows, made, question.metric) for row in rows],
        "runs": [_run(run, question.metric, folder) for run in runs],
    }


def _row(row: Row, rows: Sequence[Row], made: Sequence[Comparison], metric: str) -> dict[str, Any]:
    verdicts = [one.verdict for one in made if one.row is row]
    return {
        "config": {key: row.value(key) for key in differing(rows)},
        "verdict": verdicts[0] if verdicts else "baseline",
        **{"n": len(row.by_seed(metric)), "failed": row.failed_at(metric), "reruns": row.reruns},
        **{"mean": row.mean(metric), "std": row.std(metric), "values": row.by_seed(metric)},
        "notes": [one.sentence for one in confounders([row], metric)],
    }


def _run(run: Run, metric: str, folder: Path) -> dict[str, Any]:
    facts = ("git.commit", "git.dirty", "git.patch", "config_hash", "started")
    return {
        "run": run.folder.relative_to(folder).as_posix() if run.folder.is_relative_to(folder) else str(run.folder),
        "seed": run.config.get("seed"),
        "status": run.results.get("status"),
        "value": run.value(metric),
        "weights_sha256": run.results.get("weights_sha256"),
        **{key: run.manifest.get(key) for key in facts},
        "files": {name: _digest(run.folder / name) for name in FILES},
    }


def _digest(path: Path) -> str | None:
    """The SHA-256 of a file; None if there is none."""
    try:
        return hashlib.sha256(read_bytes(path, most=LARGEST_FILE)).hexdigest()
    except MissingError:
        return None
