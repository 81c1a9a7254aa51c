"""How the runs of a row were asked for: the overrides of their command lines, for a command line that asks for more."""

import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from exp.compare.rows import Row
from exp.config import yaml_text
from exp.run_folder.read import read_overrides, read_sources
from exp.system.project import project
from exp.system.safe_files import DEEPEST
from exp.system.safe_yaml import value_of

_OVERRIDE = re.compile(r"[+]{0,2}([A-Za-z_][A-Za-z0-9_./@]*)=([^\x00-\x1f\x7f]*)")
_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_SOURCES = ("hydra", "main", "schema", "project")
"""Who brings configuration without an option; `--config-dir` and `hydra.searchpath` bring more."""

Overrides = Mapping[str, str]
"""The values of overrides by their keys, as Hydra takes them; without the seed."""


def overrides_of(row: Row) -> Overrides | None:
    """The overrides of a row's first run.

    Returns:
        None if they do not explain its configuration, or if it needs files that only an option would find.

    Raises:
        UserError: the folder does not say it.
    """
    folder = row.runs[0].folder
    sources, here = read_sources(folder), project()
    if not set(sources) <= {*_SOURCES} or sources.get("project", "") != (str(here.conf) if here else ""):
        return None  # what is laid over the configuration elsewhere is not laid over it here
    overrides = by_key(read_overrides(folder))
    return overrides if overrides is not None and explains(overrides, row) else None


def trusted_prefixes(rows: Sequence[Row]) -> list[str] | None:
    """The prefixes of the user's own code that the runs need; None if they are not such as to be trusted by a paste."""
    found: dict[str, None] = {}
    for row in rows:
        prefixes = row.runs[0].config.get("trusted_targets") or []
        for prefix in prefixes if isinstance(prefixes, list) else [prefixes]:
            if not _MODULE.fullmatch(str(prefix)) or str(prefix).partition(".")[0] in sys.stdlib_module_names:
                return None
            found[str(prefix)] = None
    return list(found)


def unasked(overrides: Overrides, rows: Sequence[Row]) -> Overrides:
    """The overrides without a question: runs in a folder of their own do not belong to the sweep that was asked it."""
    kept = {key: value for key, value in overrides.items() if key.lstrip("+").partition(".")[0] != "question"}
    was_asked = any(run.question_sha256 for row in rows for run in row.runs)
    return {**kept, "question": "null"} if was_asked else kept


def explains(overrides: Overrides, row: Row) -> bool:
    """Whether overrides ask for what the configuration of a row says, as far as it says it."""
    config = row.runs[0].config
    given = {key.lstrip("+"): value for key, value in overrides.items()}
    # A configuration may have another spelling of a value: True for true, 1.0e-05 for 1e-5.
    return all(
        key not in config or yaml_text(config[key]) in (value, yaml_text(value_of(value, deepest=DEEPEST)))
        for key, value in given.items()
    )


def by_key(overrides: Sequence[Any], *, keep_seed: bool = False) -> Overrides | None:
    """Overrides by their keys, without the seed and what Hydra keeps to itself; None if one is of another kind."""
    found = {}
    for text in overrides:
        match = _OVERRIDE.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            return None
        key = match.group(1)
        if key.startswith("hydra/"):
            return None
        if not key.startswith("hydra.") and key != "trusted_targets" and (keep_seed or key != "seed"):
            found[text.partition("=")[0]] = match.group(2)
    return found
