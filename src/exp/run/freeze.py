"""`model.frozen`: variables of a model that training leaves as they are."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from exp.errors import UserError

MOST_NAMED = 4


def freeze(model: Any, patterns: Sequence[str]) -> None:
    """Freeze what matches. A layer of which everything matches also stops to gather statistics.

    Args:
        model: a built model.
        patterns: each is matched against the name of a variable in a checkpoint, such as model/layers/0/kernel,
            against Keras's own, such as dense/kernel, and against the names of all layers around it, such as
            base/block_1/kernel.

    Raises:
        UserError: a pattern matches nothing.
    """
    import keras

    from exp.checkpoint.variables import named_variables, walk
    from exp.exec.named import NamedModels

    if not patterns:
        return
    named = named_variables({"model": model})
    owners, several = dict(walk("model", model, set())), isinstance(model, NamedModels)
    names = {path: (path, one.title, _layered_name(path, owners, several)) for path, one in named.items()}
    frozen: set[int] = set()
    for pattern in patterns:
        found = [one for path, one in named.items() if any(fnmatchcase(name, pattern) for name in names[path])]
        if not found:
            some = ", ".join(layered for _, _, layered in list(names.values())[:MOST_NAMED])
            raise UserError(f"model.frozen=[{pattern}]: matches no variable of the model; it has {some}, ...")
        frozen |= {id(one.variable) for one in found}
    layers = [owner for owner in owners.values() if isinstance(owner, keras.Layer)]
    for layer in layers:
        variables = layer.variables
        if variables and all(id(variable) in frozen for variable in variables):
            layer.trainable = False
    for one in named.values():
        if id(one.variable) in frozen and isinstance(one.variable, keras.Variable):
            one.variable.trainable = False


def _layered_name(path: str, owners: Mapping[str, Any], several: bool) -> str:
    """The name of a variable, with those of the layers around it but the model's own, such as base/block_1/kernel.

    Of several models each has the name that it was given.

    Args:
        path: of the variable, such as model/layers/3/layers/7/kernel.
        owners: each object of the model, by its path.
        several: whether the model is `NamedModels`.
    """
    parts = path.split("/")
    around = [(parts[length - 1], owners.get("/".join(parts[:length]))) for length in range(2, len(parts))]
    names = [
        attribute if several and number == 0 else str(owner.name)
        for number, (attribute, owner) in enumerate(around)
        if owner is not None and hasattr(owner, "name")
    ]
    return "/".join([*names, parts[-1]])
