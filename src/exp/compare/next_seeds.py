"""The command that trains the seeds that are missing for a verdict, and no others."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from exp.compare.against import Comparison
from exp.errors import UserError
from exp.run_folder.read import read_overrides
from exp.system.safe_files import UnreadableError, read_object
from exp.terminal.commands import override, run_command

FIRST_SEEDS = 3
"""The seeds to begin with, if there are too few to tell how many are needed."""
SWEEP = "sweep.json"
_LISTED = 6
"""Seeds up to which they are listed one by one."""


def next_command(one: Comparison) -> str | None:
    """The command line for a comparison that is undecided; None if it is not, or if more seeds would not help.

    Runs of one sweep are joined by the new ones in its folder; else the new ones get a folder of their own.
    """
    wanted = one.seeds_needed
    if wanted is None and one.verdict == "undecided" and one.n < 2:
        wanted = FIRST_SEEDS
    known = [sample.seed for row in (one.row, one.baseline) for sample in row.samples]
    if wanted is None or wanted <= one.n or not all(seed.isdecimal() for seed in known):
        return None
    first = max(map(int, known)) + 1
    seeds = f"seed={_values(range(first, first + wanted - one.n))}"
    try:
        return _joining_sweep(one, seeds) or _apart(one, seeds)
    except UserError:
        return None  # a folder does not say how its run was asked for


def _values(seeds: range) -> str:
    if len(seeds) == 1:
        return f"choice({seeds.start})"
    return ",".join(map(str, seeds)) if len(seeds) <= _LISTED else f"range({seeds.start},{seeds.stop})"


def _joining_sweep(one: Comparison, seeds: str) -> str | None:
    """The command that adds jobs to the sweep that all the runs belong to; None if they belong to no single one."""
    folders = {run.folder.parent for row in (one.row, one.baseline) for run in row.runs}
    folder = folders.pop()
    if folders or not (folder / SWEEP).is_file():
        return None
    ledger = read_object(folder / SWEEP)
    fixed, jobs = ledger.get("fixed"), ledger.get("jobs")
    if not (isinstance(fixed, list) and isinstance(jobs, list) and all(isinstance(job, dict) for job in jobs)):
        raise UnreadableError(f"{folder / SWEEP}: is not what a sweep writes")
    swept = {str(job.get("name")): [str(text) for text in job.get("overrides") or []] for job in jobs}
    given = [swept.get(row.runs[0].folder.name) for row in (one.row, one.baseline)]
    if None in given:
        return None
    ours, theirs = (_by_key(overrides or []) for overrides in given)
    if ours.keys() != theirs.keys():
        return None
    # A key that was swept stays one with a single value, so that the sweep is known as the same one.
    both = [f"{k}={ours[k]},{theirs[k]}" if ours[k] != theirs[k] else f"{k}=choice({ours[k]})" for k in ours]
    if sum(ours[key] != theirs[key] for key in ours) > 1:
        return None  # all combinations would be more than the two that are asked for
    return run_command("-m", *map(shlex.quote, [*map(str, fixed), *both, seeds]), override("hydra.sweep.dir", folder))


def _apart(one: Comparison, seeds: str) -> str:
    """The commands for a sweep of its own; one if the two rows differ in the value of one key."""
    ours, theirs = (_by_key(read_overrides(row.runs[0].folder)) for row in (one.row, one.baseline))
    differing = [key for key in {**theirs, **ours} if ours.get(key) != theirs.get(key)]
    if len(differing) == 1 and differing[0] in ours and differing[0] in theirs:
        key = differing[0]
        return _sweep({**theirs, key: f"{theirs[key]},{ours[key]}"}, seeds)
    return " && ".join(_sweep(overrides, seeds) for overrides in (theirs, ours))


def _sweep(overrides: Mapping[str, Any], seeds: str) -> str:
    return run_command("-m", *(shlex.quote(f"{key}={value}") for key, value in overrides.items()), shlex.quote(seeds))


def _by_key(overrides: Sequence[str]) -> dict[str, str]:
    """Overrides by their keys, without the seed and what Hydra keeps to itself."""
    pairs = (text.partition("=") for text in overrides)
    return {key: value for key, _, value in pairs if key != "seed" and not key.startswith("hydra.")}
