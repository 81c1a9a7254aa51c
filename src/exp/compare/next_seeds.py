"""The command that trains the seeds that are missing for a verdict, and no others."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from exp.compare.against import Comparison
from exp.compare.asked_for import Overrides, by_key, explains, overrides_of, trusted_prefixes, unasked
from exp.compare.rows import Row
from exp.compare.seeds import SEEDS, SOURCES
from exp.errors import UserError
from exp.system.markers import SWEEP
from exp.system.safe_files import read_object
from exp.terminal.commands import override, run_command

FIRST_SEEDS = 3
"""The seeds to begin with, if there are too few to tell how many are needed."""
MOST_SEEDS = 1000
_LISTED = 6
"""Seeds up to which they are listed one by one."""


def next_command(one: Comparison) -> str | None:
    """The command line for a comparison that is undecided.

    Runs of one sweep are joined by the new ones in its folder; else the new ones get a folder of their own.

    Returns:
        None if it is decided; if more seeds would not help, because something else differs, or more than 1,000 would be
        needed; or if what the folders say of how their runs were asked for does not explain their configuration.
    """
    wanted = one.seeds_needed
    if wanted is None and one.verdict == "undecided" and one.n < 2:
        wanted = FIRST_SEEDS
    spoilt = any(confounder.matters and confounder.name != "failed" for confounder in one.confounders)
    if wanted is None or spoilt or not one.n < wanted <= MOST_SEEDS:
        return None
    missing = _missing(one, wanted)
    trusted = trusted_prefixes([one.row, one.baseline])
    if missing is None or trusted is None:
        return None
    try:
        asked = [overrides_of(row) for row in (one.baseline, one.row)]
        found = [unasked(overrides, [one.baseline, one.row]) for overrides in asked if overrides is not None]
        if len(found) < 2:
            return None
        return _joining_sweep(one, missing, trusted) or _apart(found, missing, trusted)
    except UserError:
        return None  # a folder does not say how its run was asked for


def sweep_command(row: Row, seeds: Mapping[str, str]) -> str | None:
    """The command that trains a configuration with other seeds, in a folder of its own.

    Args:
        row: the configuration.
        seeds: their values by key, as Hydra takes them, such as {"seeds.init": "range(10)"}.

    Returns:
        None if what the folder says of how its run was asked for does not explain its configuration.
    """
    trusted = trusted_prefixes([row])
    try:
        overrides = overrides_of(row)
    except UserError:
        return None  # the folder does not say it
    if trusted is None or overrides is None:
        return None
    kept = {key: value for key, value in unasked(overrides, [row]).items() if key.lstrip("+") not in SEEDS}
    # One that a file of the configuration sets would not follow `seed`.
    set_elsewhere = {key: "null" for key in SOURCES[:3] if any(run.config.get(key) is not None for run in row.runs)}
    words = {**kept, **set_elsewhere, **seeds}
    return _sweep(words, trusted)


def _missing(one: Comparison, wanted: int) -> tuple[list[int], list[int]] | None:
    """The seeds that the row and its baseline lack so that both have as many, and the same; None if any is no number.

    Seeds that failed would fail again, and are passed over.
    """
    rows = (one.baseline, one.row)
    if not all(sample.seed.isdecimal() for row in rows for sample in row.samples):
        return None
    if any(run.config.get(key) is not None for row in rows for run in row.runs for key in SOURCES[:3]):
        return None  # another `seed` would not change what has a seed of its own
    have = [{int(seed) for seed in row.by_seed(one.metric)} for row in rows]
    lost = {int(sample.seed) for row in rows for sample in row.samples} - (have[0] | have[1])
    lost |= {int(s.seed) for row, own in zip(rows, have, strict=True) for s in row.samples if int(s.seed) not in own}
    both = sorted(have[0] & have[1] - lost)
    candidates = sorted((have[0] ^ have[1]) - lost)
    seeds, new = [*both, *candidates][: max(wanted, len(both))], max([*have[0], *have[1], *lost, -1]) + 1
    seeds += range(new, new + wanted - len(seeds))
    return [seed for seed in seeds if seed not in have[0]], [seed for seed in seeds if seed not in have[1]]


def _joining_sweep(one: Comparison, missing: tuple[list[int], list[int]], trusted: Sequence[str]) -> str | None:
    """The commands that add jobs to the sweep that all the runs belong to; None if there is no such one.

    One command is enough if both rows lack the same seeds and differ in the value of one key.
    """
    folders = {run.folder.parent for row in (one.row, one.baseline) for run in row.runs}
    folder = folders.pop()
    if folders or not (folder / SWEEP).is_file():
        return None
    given = _of_sweep(read_object(folder / SWEEP), one)
    if given is None:
        return None
    fixed, theirs, ours = given
    if "seed" in fixed or ours == theirs:
        return None
    if not (explains({**fixed, **theirs}, one.baseline) and explains({**fixed, **ours}, one.row)):
        return None

    def command(values: Overrides, seeds: Sequence[int]) -> str:
        words = {**fixed, **values, "seed": _values(seeds)}
        return _sweep(words, trusted, override("hydra.sweep.dir", folder))

    # A key that was swept stays one with a single value, so that the sweep is known as the same one.
    single = [{key: f"choice({value})" for key, value in row.items()} for row in (theirs, ours)]
    differing = [key for key in ours if ours[key] != theirs.get(key)]
    if missing[0] == missing[1] and ours.keys() == theirs.keys() and len(differing) == 1:
        key = differing[0]
        return command({**single[1], key: f"{theirs[key]},{ours[key]}"}, missing[0])
    return " && ".join(command(row, seeds) for row, seeds in zip(single, missing, strict=True) if seeds)


def _of_sweep(ledger: Mapping[str, Any], one: Comparison) -> tuple[Overrides, Overrides, Overrides] | None:
    """The overrides that all jobs of a sweep share, those of the baseline, and those of the row."""
    fixed, jobs = ledger.get("fixed"), ledger.get("jobs")
    if not (isinstance(fixed, list) and isinstance(jobs, list)):
        return None
    swept = {str(job.get("name")): job.get("overrides") for job in jobs if isinstance(job, dict)}
    found = [swept.get(row.runs[0].folder.name) for row in (one.baseline, one.row)]
    if not all(isinstance(overrides, list) for overrides in found):
        return None
    shared = by_key(fixed, keep_seed=True)
    theirs, ours = (by_key(overrides or []) for overrides in found)
    return None if shared is None or theirs is None or ours is None else (shared, theirs, ours)


def _apart(asked: Sequence[Overrides], missing: tuple[list[int], list[int]], trusted: Sequence[str]) -> str | None:
    """The commands for a sweep of its own; one if the two rows differ in the value of one key."""
    theirs, ours = asked
    differing = [key for key in {**theirs, **ours} if ours.get(key) != theirs.get(key)]
    if not differing:
        return None
    key = differing[0]
    if len(differing) == 1 and key in ours and key in theirs and missing[0] == missing[1]:
        return _sweep({**theirs, key: f"{theirs[key]},{ours[key]}", "seed": _values(missing[0])}, trusted)
    return " && ".join(
        _sweep({**words, "seed": _values(seeds)}, trusted) for words, seeds in zip(asked, missing, strict=True) if seeds
    )


def _sweep(words: Overrides, trusted: Sequence[str], *more: str) -> str:
    """The command of a sweep; `more` is ready for the shell."""
    quoted = (shlex.quote(f"{key}={value}") for key, value in words.items())
    return run_command("-m", *quoted, *more, trusted=trusted)


def _values(seeds: Sequence[int]) -> str:
    if len(seeds) == 1:
        return f"choice({seeds[0]})"
    if len(seeds) > _LISTED and seeds == list(range(seeds[0], seeds[-1] + 1)):
        return f"range({seeds[0]},{seeds[-1] + 1})"
    return ",".join(map(str, seeds))
