"""Nodes that name code by `_target_`, and what they may name.

A configuration may come from anywhere, so that a `_target_` is a way to run code. Three locks guard it: the name starts
with a trusted prefix; what it leads to is that package's own (`exp.model.mlp.os.remove` is not `exp`'s); and it is a
function of ours or a class of the right kind, never a method or a module's helper.
"""

import difflib
import importlib
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from exp.errors import UserError, excerpt
from exp.system.own_code import place_of, told

OWN_PREFIXES = ("exp.model.", "exp.data.", "exp.optimizer.", "exp.task.")
OWN_NAMES = {"exp.model.": "create", "exp.data.": "load", "exp.task.": "create"}
"""The name that a function of ours must have to be a target, by prefix; the helpers beside it are no targets."""
KERAS_OPTIMIZERS = "keras.optimizers."
KERAS_CLASSES = (KERAS_OPTIMIZERS, "keras.losses.", "keras.metrics.")
"""Modules of Keras whose classes may be targets; none of their functions is one."""
KERAS_APPLICATIONS = "keras.applications."
"""Each function that this module itself offers makes a network, and may be a target."""


class NotTrustedError(UserError):
    """A configuration names code that nobody said may run."""


class Target(BaseModel):
    """A callable by its dotted name, and the keyword arguments it gets."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    arguments: dict[str, Any]

    @property
    def short_name(self) -> str:
        """`mlp` for `exp.model.mlp.create`, `RMSprop` for `keras.optimizers.RMSprop`."""
        return short_name(self.name)


def short_name(target: str) -> str:
    """The short name of a target: the module of a `create` or `load`, else the last part of its name."""
    parts = target.split(".")
    return parts[-2] if parts[-1] in ("create", "load") and len(parts) > 1 else parts[-1]


def nested_targets(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every `_target_` at or below a node of plain lists and dicts, with the path of its key."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            below = f"{path}.{key}" if path else str(key)
            if key == "_target_":
                yield below, value
            yield from nested_targets(value, below)
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for index, value in enumerate(node):
            yield from nested_targets(value, f"{path}[{index}]")


def target_names(tree: Any) -> list[str]:
    """The dotted name of each `_target_` in a configuration, once."""
    return list(dict.fromkeys(str(name) for _, name in nested_targets(tree)))


def needed_prefixes(tree: Mapping[str, Any], trusted: Sequence[str]) -> list[str]:
    """The trusted prefixes that are needed: those with which some target of a configuration begins."""
    names = [name for _, name in nested_targets(tree) if isinstance(name, str)]
    return [prefix for prefix in trusted if any(name.startswith(prefix) for name in names)]


def check_trusted(path: str, name: Any, trusted: Sequence[str]) -> None:
    """Refuse a `_target_` that no trusted prefix covers.

    Raises:
        NotTrustedError: the name is not a dotted name, or starts with none of the prefixes.
    """
    prefixes = (*OWN_PREFIXES, *KERAS_CLASSES, KERAS_APPLICATIONS, *trusted)
    if isinstance(name, str) and name.startswith(prefixes):
        parts = name.split(".")
        of_a_network = not name.startswith(KERAS_APPLICATIONS) or len(parts) == 3 or name.startswith(tuple(trusted))
        wanted = next((function for prefix, function in OWN_NAMES.items() if name.startswith(prefix)), parts[-1])
        if (
            of_a_network
            and parts[-1] == wanted
            and all(part.isidentifier() and not part.startswith("_") for part in parts)
        ):
            return
    raise NotTrustedError(
        f"{path}={excerpt('null' if name is None else name)}: not trusted to run; "
        f"a target is exp.model.NAME.create, exp.task.NAME.create, exp.data.NAME.load, or starts with one of "
        f"{', '.join(prefix for prefix in prefixes if prefix not in OWN_NAMES)} "
        "(add a prefix of your own code with trusted_targets=[PREFIX])"
    )


def locate(path: str, name: str, *, trusted: Sequence[str]) -> Any:
    """Import what a trusted name leads to, and make sure that it was defined where the name says.

    Raises:
        UserError: there is no such thing, or it is not a function or class from under a trusted prefix.
    """
    check_trusted(path, name, trusted)
    module_name, _, attribute = name.rpartition(".")
    try:
        module = importlib.import_module(module_name)
        found = getattr(module, attribute)
    except Exception as error:
        if place_of(error):  # it is there, and is not in order
            raise UserError(f"{path}._target_={name}: cannot be imported: {told(error)}") from error
        if not isinstance(error, ImportError | AttributeError):
            raise
        if isinstance(error, ImportError) and _is_class(module_name):
            raise UserError(f"{path}._target_={name}: is a method; a target is a function or a class") from error
        near = difflib.get_close_matches(attribute, dir(sys.modules.get(module_name)), n=1)
        meant = f"; did you mean {module_name}.{near[0]}?" if near else ""
        raise UserError(f"{path}._target_={name}: cannot be found ({error}){meant}") from error
    allowed_kind = inspect.isclass(found) or (inspect.isfunction(found) and not name.startswith(KERAS_CLASSES))
    if hasattr(found, "python_function"):
        raise UserError(f"{path}._target_={name}: is a tf.function; leave the decorator out, a run makes the graph")
    if not allowed_kind or attribute not in getattr(module, "__all__", (attribute,)):
        kind = "class" if name.startswith(KERAS_CLASSES) else "function or class"
        raise UserError(f"{path}._target_={name}: not a {kind} that {module_name} offers")
    if not f"{found.__module__}.".startswith(_home(name, trusted)):
        raise UserError(
            f"{path}._target_={name}: not a function or class of {module_name}, but of {found.__module__}; if you "
            "trust that, name it there"
        )
    return found


def _is_class(name: str) -> bool:
    """Whether a dotted name is that of a class in a module that is imported."""
    module, _, attribute = name.rpartition(".")
    return inspect.isclass(getattr(sys.modules.get(module), attribute, None))


def _home(name: str, trusted: Sequence[str]) -> tuple[str, ...]:
    """The prefixes under which a target may be defined; with its dot, `exp.optimizer.` covers that module itself.

    A target of ours must be defined where its name says. Other packages offer under one name what they define under
    another, as Keras does with everything: their targets must be defined somewhere in the package that is trusted.
    """
    own = tuple(prefix for prefix in OWN_PREFIXES if name.startswith(prefix))
    if own and not name.startswith(tuple(trusted)):
        return own
    return (f"{name.partition('.')[0]}.",)
