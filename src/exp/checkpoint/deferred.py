"""A restore that may begin before the variables exist: they get their values when they are made.

A model is given a class of its own that differs in `__call__` alone: before the first call computes anything, the call
is traced for the variables that it makes; they get their values; and the call begins anew. An optimizer's variables
get theirs at the end of `build`.
"""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from exp.checkpoint.access import EagerAccess
from exp.checkpoint.record import VariableEntry, read_record
from exp.checkpoint.restore import (
    Restored,
    Wanted,
    assign,
    compare_structure,
    compare_variables,
    refuse,
)
from exp.checkpoint.structure import structure_of
from exp.checkpoint.variables import named_variables


def restore_deferred(prefix: Path, roots: Mapping[str, Any], *, wanted: Wanted | None = None) -> "Deferred":
    """Begin to restore objects whose variables may not exist yet: assign what exists now, and the rest when it is made.

    Args:
        prefix: the prefix of the checkpoint.
        roots: {"model": ..., "optimizer": ...}, built or not; the optimizer may be left out.
            Their variables are made eagerly, or while a `tf.function` is traced.
        wanted: what to take; everything, if this is None.

    Raises:
        CheckpointError: the files are not those that were saved.
    """
    return Deferred(prefix, roots, wanted or Wanted(roots=tuple(roots)))


class Deferred:
    """A restore under way. Call `finish` after the first step: something still waiting is an error."""

    def __init__(self, prefix: Path, roots: Mapping[str, Any], wanted: Wanted) -> None:
        self._prefix, self._roots, self._wanted = prefix, roots, wanted
        self._record = read_record(prefix)
        self._saved = {e.path: e for e in self._record.variables if wanted.takes(e.path, e.title)}
        self._waiting = dict(self._saved)
        self._given: dict[str, Any] = {}
        self._undo: list[Callable[[], None]] = []
        self._arrive()
        if self._waiting:
            self._watch()

    @property
    def waiting(self) -> list[str]:
        """Titles of the checkpoint's variables that have not been made yet."""
        return [entry.title for entry in self._waiting.values()]

    def finish(self) -> Restored:
        """Make sure that every variable has been made and got its value.

        Raises:
            CheckpointError: a variable or a layer is missing, left over or another one; all are listed.
        """
        self._stop_watching()
        here = {p: n for p, n in named_variables(self._roots).items() if self._wanted.takes(p, n.title)}
        differences = compare_variables(here, self._saved)
        if not differences:
            unseen = self._waiting.keys() & here.keys()
            differences = [f"{here[path]} was made unseen, and does not have its value" for path in sorted(unseen)]
        for path, variable in self._given.items():
            # A name can change while a model grows: what was given then has to be what has that name now.
            if path in here and here[path].variable is not variable:
                differences.append(f"{here[path]} was another variable when its value arrived")
        if "model" in self._roots:
            left = [path for path in self._record.paths() if path not in self._saved]
            differences += compare_structure(
                structure_of(self._roots["model"]), self._record.structure, self._wanted, left
            )
        refuse(self._prefix, differences)
        left = [e.title for e in self._record.variables if e.path not in self._saved]
        return Restored(self._record, taken=[str(n) for n in here.values()], left_in_checkpoint=left)

    def _arrive(self) -> None:
        """Assign the variables that exist now and did not exist before."""
        with tf.init_scope():
            pairs = []
            for path, named in named_variables(self._roots).items():
                entry: VariableEntry | None = self._waiting.get(path)
                if entry is not None and list(named.variable.shape) == entry.shape:
                    pairs.append((named, entry))
            assign(self._prefix, pairs, EagerAccess())
        for named, entry in pairs:
            self._given[entry.path] = named.variable
            del self._waiting[entry.path]
        if not self._waiting:
            self._stop_watching()

    def _watch(self) -> None:
        for root in self._roots.values():
            if callable(root):
                self._undo.append(_before_calls(root, self._call_made))
            if hasattr(root, "build"):
                self._undo.append(_after_build(root, self._arrive))

    def _stop_watching(self) -> None:
        while self._undo:
            self._undo.pop()()

    def _call_made(self, call: Callable[[], Any]) -> None:
        """Make the variables of a call without computing it, and assign them."""
        # Traced into a function that nobody calls: it computes nothing, and changes neither moving averages nor seeds.
        tf.function(call, autograph=False).get_concrete_function()
        self._arrive()


def _before_calls(root: Any, first: Callable[[Callable[[], Any]], None]) -> Callable[[], None]:
    """Have `first` see each call of an object before it happens; returns how to undo that."""
    own = type(root)

    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N807
        first(lambda: own.__call__(self, *args, **kwargs))
        return own.__call__(self, *args, **kwargs)

    root.__class__ = type(
        own.__name__, (own,), {"__call__": __call__, "__module__": own.__module__, "__qualname__": own.__qualname__}
    )

    def undo() -> None:
        root.__class__ = own

    return undo


def _after_build(root: Any, then: Callable[[], None]) -> Callable[[], None]:
    """Have something happen after an object has built itself; returns how to undo that."""
    own, had_one = root.build, "build" in vars(root)

    @functools.wraps(own)  # Keras reads the names of its parameters
    def build(*args: Any, **kwargs: Any) -> None:
        own(*args, **kwargs)
        then()

    root.build = build

    def undo() -> None:
        if had_one:
            root.build = own
        else:
            del root.build

    return undo
