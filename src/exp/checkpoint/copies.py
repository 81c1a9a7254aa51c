"""Variables of an optimizer that begin as copies of weights, and must be copied again if the weights are replaced."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from exp.checkpoint.access import VariableAccess
from exp.checkpoint.variables import named_variables


@dataclass(frozen=True)
class Copies:
    """The pairs of a copy and the weight it was copied from."""

    pairs: Sequence[tuple[Any, Any]]
    access: VariableAccess

    def renew(self) -> None:
        """Give each copy the value that its weight has now."""
        if self.pairs:
            values = self.access.read([weight for _, weight in self.pairs])
            self.access.write([copy for copy, _ in self.pairs], [np.asarray(value) for value in values])


def copies_of_weights(parts: Iterable[tuple[Any, Any]], access: VariableAccess) -> Copies:
    """Find by value what optimizers copied from weights when they were built, as Keras's ScheduleFreeAdamW does.

    Most variables of optimizers begin with zeros, as biases do, so that equal constants prove nothing. But if one of a
    list of variables, one for each weight, is a copy of its weight that is not constant, the list holds copies.

    Args:
        parts: each built model with its built optimizer, before the weights change.
        access: how variables are read and written.
    """
    return Copies([pair for model, optimizer in parts for pair in _copies(model, optimizer, access)], access)


def _copies(model: Any, optimizer: Any, access: VariableAccess) -> list[tuple[Any, Any]]:
    weights = list(model.trainable_variables)
    # With the model before it: the optimizer leads to the weights, too.
    every = named_variables({"model": model, "optimizer": optimizer})
    named = {path: one for path, one in every.items() if path.startswith("optimizer/")}
    values = [np.asarray(value) for value in access.read([*weights, *(one.variable for one in named.values())])]
    saved = values[: len(weights)]
    lists: dict[str, list[tuple[Any, int]]] = {}
    telling: set[str] = set()
    for (path, one), value in zip(named.items(), values[len(weights) :], strict=True):
        name, _, number = path.rpartition("/")
        index = int(number) if number.isdecimal() else len(weights)
        if index < len(weights) and np.array_equal(value, saved[index]):
            lists.setdefault(name, []).append((one.variable, index))
            if value.size > 1 and np.ptp(value):
                telling.add(name)
    return [(variable, weights[index]) for name in sorted(telling) for variable, index in lists[name]]
