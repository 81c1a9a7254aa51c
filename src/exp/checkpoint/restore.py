"""A restore that proves itself: everything is compared before a variable changes, and read back afterwards."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from exp.checkpoint.access import EagerAccess, VariableAccess
from exp.checkpoint.bundle import read
from exp.checkpoint.record import CheckpointError, Record, VariableEntry, read_record, value_digests
from exp.checkpoint.structure import structure_of
from exp.checkpoint.variables import Named, named_variables

MOST_NAMED = 20
"""Number of differences that a message lists; it counts the others."""


@dataclass(frozen=True)
class Wanted:
    """What is to be taken from a checkpoint."""

    roots: Collection[str] = ("model", "optimizer")
    """The root objects whose variables are taken, such as ("model",) for a test."""
    exclude: Sequence[str] = ()
    """Shell patterns for paths or titles, such as `*/dense2/*`: these variables stay as they are."""

    def takes(self, path: str, title: str) -> bool:
        """Whether a variable is to be taken."""
        if path.partition("/")[0] not in self.roots:
            return False
        return not any(fnmatchcase(name, pattern) for name in (path, title) for pattern in self.exclude)


@dataclass(frozen=True)
class Restored:
    """The outcome of a restore: what was taken, and what was not."""

    record: Record
    taken: list[str] = field(default_factory=list)
    """Titles of variables that have their saved values now."""
    left_in_checkpoint: list[str] = field(default_factory=list)
    """Titles of the checkpoint's variables that were not taken."""
    left_as_they_were: list[str] = field(default_factory=list)
    """Titles of variables that kept their values."""


def restore(
    prefix: Path,
    roots: Mapping[str, Any],
    *,
    access: VariableAccess | None = None,
    wanted: Wanted | None = None,
) -> Restored:
    """Give variables that exist the values of a checkpoint, bit for bit.

    Args:
        prefix: the prefix of the checkpoint, such as `checkpoints/ckpt-100`.
        roots: {"model": a built model, "optimizer": a built optimizer}; the optimizer may be left out.
        access: how the variables are read and written; None: eagerly.
        wanted: what to take; everything, if this is None.

    Raises:
        CheckpointError: the files are not those that were saved, or a variable or a layer is missing, left over or
            another one; all differences are listed by name. No variable has changed then.
    """
    wanted = wanted or Wanted(roots=tuple(roots))
    record = read_record(prefix)
    every = named_variables(roots)
    here = {path: named for path, named in every.items() if wanted.takes(path, named.title)}
    there = {entry.path: entry for entry in record.variables if wanted.takes(entry.path, entry.title)}
    differences = compare_variables(here, there)
    if "model" in roots:
        left = (every.keys() | record.paths()) - here.keys() - there.keys()
        differences += compare_structure(structure_of(roots["model"]), record.structure, wanted, left)
    refuse(prefix, differences)
    assign(prefix, [(here[path], entry) for path, entry in there.items()], access or EagerAccess())
    return Restored(
        record,
        taken=[str(named) for named in here.values()],
        left_in_checkpoint=[entry.title for entry in record.variables if entry.path not in there],
        left_as_they_were=[str(named) for path, named in every.items() if path not in here],
    )


def compare_variables(here: Mapping[str, Named], there: Mapping[str, VariableEntry]) -> list[str]:
    """A sentence for each variable that only one side has, or whose shape or data type differs."""
    differences = [f"only the checkpoint has {there[path].title} ({path})" for path in there.keys() - here.keys()]
    differences += [f"the checkpoint lacks {named} ({path})" for path, named in here.items() if path not in there]
    for path in here.keys() & there.keys():
        variable, entry = here[path].variable, there[path]
        for what, saved, now in (
            ("shape", entry.shape, list(variable.shape)),
            ("dtype", entry.dtype, dtype_name(variable)),
        ):
            if saved != now:
                differences.append(f"{here[path]} has the {what} {now}, and {saved} in the checkpoint")
    return sorted(differences)


def compare_structure(
    here: Mapping[str, str], there: Mapping[str, str], wanted: Wanted, left: Collection[str]
) -> list[str]:
    """A sentence for each layer that differs; the layers of variables that are left out may differ."""
    parts_left = {path.rpartition("/")[0] for path in left}
    if wanted.exclude or "model" not in wanted.roots:
        # A part is taken on purpose into another model: layers on one side only, or connected otherwise, are no error.
        both = [path for path in here.keys() & there.keys() if "connections=" not in here[path]]
        paths = set(both) - parts_left
    else:
        paths = here.keys() | there.keys()
    differences = []
    for path in sorted(paths):
        saved, now = there.get(path), here.get(path)
        if saved != now:
            differences.append(f"{path} is {_short(now, saved)}, and {_short(saved, now)} in the checkpoint")
    return differences


def refuse(prefix: Path, differences: Sequence[str]) -> None:
    """Refuse a restore if there are differences.

    Raises:
        CheckpointError: there are; the message names them.
    """
    if differences:
        more = [f"and {len(differences) - MOST_NAMED} more"] if len(differences) > MOST_NAMED else []
        listed = "\n  ".join([*differences[:MOST_NAMED], *more])
        raise CheckpointError(f"{prefix}: is not a checkpoint of this model:\n  {listed}")


def assign(prefix: Path, pairs: Sequence[tuple[Named, VariableEntry]], access: VariableAccess) -> None:
    """Write values to variables, and prove that these are the saved ones: in the file, and in the variables.

    Raises:
        CheckpointError: they are not; the message names all that are not.
    """
    try:
        values = read(prefix, [entry.key for _, entry in pairs])
    except (tf.errors.OpError, ValueError, RuntimeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"{prefix}: cannot be read ({reason})") from error
    saved = [values[entry.key] for _, entry in pairs]
    _prove(prefix, pairs, saved, "in the file")
    access.write([named.variable for named, _ in pairs], saved)
    _prove(prefix, pairs, access.read([named.variable for named, _ in pairs]), "after restoring")


def dtype_name(variable: Any) -> str:
    """The name of a variable's data type, such as `float32`."""
    return str(getattr(variable.dtype, "name", variable.dtype))


def _prove(
    prefix: Path, pairs: Sequence[tuple[Named, VariableEntry]], values: Sequence[npt.NDArray[Any]], where: str
) -> None:
    arrays = [np.asarray(value) for value in values]
    found = [(list(array.shape), digest) for array, digest in zip(arrays, value_digests(arrays), strict=True)]
    wrong = [str(named) for (named, entry), one in zip(pairs, found, strict=True) if one != (entry.shape, entry.sha256)]
    if wrong:
        raise CheckpointError(f"{prefix}: {', '.join(wrong)} {where} does not have the value that was saved (SHA-256)")


def _short(text: str | None, other: str | None) -> str:
    """The class of a layer, and those settings that the other one does not have."""
    if text is None:
        return "not there"
    kind, *words = text.split() or ["nothing"]
    if other is None or [kind] != other.split()[:1]:
        return kind
    return " ".join([kind, *(word for word in words if word not in other.split())])[:200]
