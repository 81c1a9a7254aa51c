"""What a report says, as plain data: the question, the answers, and every run with the digests of its files."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from exp.compare.against import Comparison, Question
from exp.compare.confounders import confounders
from exp.compare.json_values import plain
from exp.compare.registered import Standing
from exp.compare.rows import Row
from exp.compare.runs import Run
from exp.compare.seeds import seeds_of
from exp.compare.show_verdicts import facts_of
from exp.compare.table import differing
from exp.run_folder import names
from exp.system.safe_files import MissingError, read_bytes

FILES = (names.CONFIG, names.MANIFEST, names.METRICS, names.RESULTS)
"""The files of a run that a report stands on, each with its digest."""
LARGEST_FILE = 2**30


def findings(
    runs: Mapping[str, Run],
    rows: Sequence[Row],
    made: Sequence[Comparison],
    question: Question,
    *,
    standing: Standing,
) -> dict[str, Any]:
    """Everything that a report says, for JSON.

    Args:
        runs: of the comparison, by their names, in the order of these.
        rows: of these runs.
        made: the comparisons of these rows.
        question: what they answer.
        standing: how it stands to the question that the runs were made for.

    Raises:
        UserError: a file cannot be read.
    """
    keys = differing(rows)
    found = {
        "question": {
            "baseline": dict(question.baseline),
            "metric": question.metric,
            "goal": question.goal,
            "margin": question.margin,
            "accepted": sorted(question.accepted),
            "at": question.at,
        },
        "registered": standing.plain(),
        "comparisons": [_comparison(one, question.metric) for one in made],
        "rows": [_row(row, keys, made, question.metric) for row in rows],
        "runs": [_run(name, runs[name], question.metric) for name in runs],
    }
    whole: dict[str, Any] = plain(found)
    return whole


def _comparison(one: Comparison, metric: str) -> dict[str, Any]:
    """Without the next command, which depends on where one stands."""
    return {"name": one.name, **{key: value for key, value in facts_of(one, metric).items() if key != "next_command"}}


def _row(row: Row, keys: Sequence[str], made: Sequence[Comparison], metric: str) -> dict[str, Any]:
    verdicts = [one.verdict for one in made if one.row is row]
    return {
        "config": {key: row.value(key) for key in keys},
        "verdict": verdicts[0] if verdicts else "baseline",
        **{"n": len(row.by_seed(metric)), "failed": row.failed_at(metric), "reruns": row.reruns},
        **{"mean": row.mean(metric), "std": row.std(metric), "values": row.by_seed(metric)},
        "notes": [one.sentence for one in confounders([row], metric)],
    }


def _run(name: str, run: Run, metric: str) -> dict[str, Any]:
    facts = ("git.commit", "git.dirty", "git.patch", "config_hash", "started")
    return {
        "run": name,
        "seed": seeds_of(run.config).text,
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
