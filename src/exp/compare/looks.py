"""`looks.jsonl`: a line for each time that somebody asked a sweep for a verdict.

Whoever looks after every few seeds, and stops when p is below 0.05, will see that sooner or later where there is no
difference at all. So each look leaves a trace, and the next one says how many there were.
"""

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from exp.compare.against import Comparison, Question
from exp.system.files import open_regular
from exp.system.safe_files import MissingError, UnreadableError, read_lines

NAME = "looks.jsonl"


def note_look(folder: Path, question: Question, made: Sequence[Comparison]) -> int:
    """Note that a question was asked of the runs there are now.

    Args:
        folder: of the sweep.
        question: what was asked.
        made: the comparisons that answer it.

    Returns:
        How often it was asked so far, this time too, with different numbers of seeds.

    Raises:
        OSError, UnreadableError: the record cannot be kept there.
    """
    asked = {"against": dict(question.baseline), "metric": question.metric}
    seeds = sorted((json.dumps({**one.group, **one.where}, default=str, sort_keys=True), one.n) for one in made)
    look = {**asked, "n": [list(pair) for pair in seeds]}
    earlier = [line for line in _looks(folder / NAME) if all(line.get(key) == asked[key] for key in asked)]
    if look["n"] not in [line.get("n") for line in earlier]:
        p_values = [one.p_holm for one in made]
        line = {"time": datetime.now(UTC).isoformat(timespec="seconds"), **look, "p_holm": p_values}
        descriptor = open_regular(folder / NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            os.write(descriptor, json.dumps(line).encode() + b"\n")
        finally:
            os.close(descriptor)
        earlier.append(look)
    return len({json.dumps(line.get("n")) for line in earlier})


def _looks(path: Path) -> list[dict[str, Any]]:
    try:
        lines = [json.loads(line) for line in read_lines(path)]
    except MissingError:
        return []
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"{path}: is damaged, it cannot be read as JSON") from error
    return [line for line in lines if isinstance(line, dict)]
