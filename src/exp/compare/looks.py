"""`looks.jsonl`: a line for each time that somebody asked a sweep for a verdict.

Whoever looks after every few seeds, and stops when p is below 0.05, will see that sooner or later where there is no
difference at all. So each look leaves a trace, and the next one says how many there were.
"""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from exp.compare.against import Comparison, Question
from exp.config import yaml_text
from exp.errors import UserError
from exp.system.files import append_line
from exp.system.safe_files import MissingError, UnreadableError, read_lines
from exp.system.streams import printable

NAME = "looks.jsonl"


def note_look_at(places: Sequence[Path], question: Question, made: Sequence[Comparison]) -> int | None:
    """As `note_look`, in the folder of the sweep, else in the first folder given; None, with a note, if it fails."""
    sweeps = {run.folder.parent for one in made for row in (one.row, one.baseline) for run in row.runs}
    folder = sweeps.pop() if len(sweeps) == 1 else places[0]
    try:
        return note_look(folder, question, made)
    except (OSError, UserError) as error:
        print(printable(f"note: nobody will know that this was looked at ({error})"), file=sys.stderr)
        return None


def note_look(folder: Path, question: Question, made: Sequence[Comparison]) -> int:
    """Note that a question was asked of the runs there are now.

    Args:
        folder: of the sweep.
        question: what was asked.
        made: the comparisons that answer it.

    Returns:
        With how many different numbers of seeds it was asked so far, this time too.

    Raises:
        OSError, UnreadableError: the record cannot be kept there.
    """
    asked = {"against": dict(question.baseline), "metric": question.metric, "at": question.at}
    seeds = {_name(one): one.n for one in made}
    now = {(name, str(n)) for name, n in seeds.items()}
    earlier = [line for line in _looks(folder / NAME) if all(line.get(key) == asked[key] for key in asked)]
    seen = {(name, str(n)) for line in earlier if isinstance(line.get("n"), dict) for name, n in line["n"].items()}
    if not seen >= now:
        p_values = {_name(one): one.p_holm for one in made}
        line = {"time": datetime.now(UTC).isoformat(timespec="seconds"), **asked, "n": seeds, "p_holm": p_values}
        append_line(folder / NAME, json.dumps(line).encode())
    times = Counter(name for name, _ in seen | now)
    return max(times[name] for name in seeds)


def _name(one: Comparison) -> str:
    return " ".join(f"{key}={yaml_text(value)}" for key, value in sorted({**one.group, **one.where}.items()))


def _looks(path: Path) -> list[dict[str, Any]]:
    try:
        lines = [json.loads(line) for line in read_lines(path)]
    except MissingError:
        return []
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"{path}: is damaged, it cannot be read as JSON") from error
    return [line for line in lines if isinstance(line, dict)]
