"""`model.frozen`: variables of a model that training leaves as they are."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from exp.errors import UserError

MOST_NAMED = 4


def freeze(model: Any, patterns: Sequence[str]) -> None:
    """Freeze what matches. A layer of which everything matches also stops to gather statistics.

    Args:
        model: a built model.
        patterns: each is matched against the name of a variable in a checkpoint, such as model/layers/0/kernel, and
            against Keras's own, such as dense/kernel.

    Raises:
        UserError: a pattern matches nothing.
    """
    import keras

    from exp.checkpoint.variables import named_variables, walk

    named = named_variables({"model": model})
    frozen: set[int] = set()
    for pattern in patterns:
        found = [one for path, one in named.items() if fnmatchcase(path, pattern) or fnmatchcase(one.title, pattern)]
        if not found:
            some = ", ".join(one.title for one in list(named.values())[:MOST_NAMED])
            raise UserError(f"model.frozen=[{pattern}]: matches no variable of the model; it has {some}, ...")
        frozen |= {id(one.variable) for one in found}
    layers = [layer for _, layer in walk("model", model, set()) if isinstance(layer, keras.Layer)]
    for layer in layers:
        variables = layer.variables
        if variables and all(id(variable) in frozen for variable in variables):
            layer.trainable = False
    for one in named.values():
        if id(one.variable) in frozen and isinstance(one.variable, keras.Variable):
            one.variable.trainable = False
