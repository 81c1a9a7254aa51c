"""Every variable of a model and its optimizer, under a name that does not depend on the process that made it.

TensorFlow's own walk over objects misses layers that lie in lists and dicts, and the state of Keras's random seeds. The
walk here goes through the attributes of the objects themselves, and adds those that only the model knows of.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

VALUE_SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"
"""The end that TensorFlow gives to the name of a variable's value in a file."""
_NOT_CHILDREN = frozenset(
    {"_tracker", "_inbound_nodes", "_outbound_nodes", "_distribute_strategy", "_functional", "_parent", "optimizer"}
)
"""Attributes that lead to other objects without owning them, or to the same layers once more."""
_LAST = frozenset({"_variables", "_trainable_variables", "_non_trainable_variables"})
"""Aggregate lists, visited last so that a variable is named after its owner."""


@dataclass(frozen=True)
class Named:
    """A variable and its names."""

    path: str
    """The attributes that lead to it from a root, such as `model/layers/1/kernel`. It identifies the variable."""
    key: str
    """Its name in the file, which is the one that `tf.train.Checkpoint` looks for, if it finds the variable at all."""
    title: str
    """The name that its owner gives it, such as `mlp/dense1/kernel`; other layers may use the same."""
    variable: Any

    @property
    def nbytes(self) -> int:
        """Bytes of the value; 0 if the shape is not known."""
        elements, kind = tf.TensorShape(self.variable.shape).num_elements(), tf.as_dtype(self.variable.dtype)
        return int(elements or 0) * int(kind.size)

    def __str__(self) -> str:
        """The name in messages."""
        return self.title if self.title.count("/") > 1 else self.path


def is_variable(value: Any) -> bool:
    """Whether an object is a variable of Keras or TensorFlow."""
    return isinstance(value, keras.Variable | tf.Variable)


def weights_of(model: Any) -> list[Any]:
    """A model's weights in its own order; those of a Keras model do not include random seeds and metrics."""
    return list(model.weights if isinstance(model, keras.Layer) else model.variables)


def named_variables(roots: Mapping[str, Any]) -> dict[str, Named]:
    """All variables of some root objects, by path, those of an earlier root first.

    Args:
        roots: such as {"model": model, "optimizer": optimizer}.
    """
    keys = {id(variable): key for key, variable in _tracked(tf.train.Checkpoint(**roots)).items()}
    found: dict[str, Named] = {}
    seen: set[int] = set()
    for root_name, root in roots.items():
        variables = [pair for pair in walk(root_name, root, seen) if is_variable(pair[1])]
        missed = (v for v in getattr(root, "variables", ()) if id(v) not in seen)
        variables += [(f"{root_name}/variables/{number}", variable) for number, variable in enumerate(missed)]
        for path, variable in variables:
            seen.add(id(variable))
            key = keys.get(id(variable), f"untracked/{path}{VALUE_SUFFIX}")
            title = getattr(variable, "path", None) or str(variable.name).removesuffix(":0")
            found[path] = Named(path, key, title, variable)
    return found


def walk(name: str, root: Any, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """An object and all that it owns, nearest first: layers, modules, optimizers, variables; each once.

    Args:
        name: the name of the root, which paths begin with.
        root: a Keras or TensorFlow object.
        seen: the `id` of each object to leave out; those that are met are added.
    """
    waiting: deque[tuple[str, Any]] = deque([(name, root)])
    seen.add(id(root))
    while waiting:
        path, owner = waiting.popleft()
        yield path, owner
        if is_variable(owner):
            continue
        for child_name, child in _children(owner):
            if id(child) not in seen:
                seen.add(id(child))
                waiting.append((f"{path}/{child_name}", child))


def _children(owner: Any) -> Iterator[tuple[str, Any]]:
    """The objects that an object's attributes hold, also inside of lists and dicts; public attributes come first."""
    attributes = vars(owner) if hasattr(owner, "__dict__") else {}
    usable = [name for name in attributes if name not in _NOT_CHILDREN and not name.startswith("_self_")]
    taken: set[str] = set()
    for name in sorted(usable, key=lambda name: (name in _LAST, name.startswith("_"), name)):
        for path, child in _contents(name.lstrip("_"), attributes[name]):
            if path in taken:  # `_kernel` beside `kernel`: both keep a name of their own
                yield f"_{path}", child
            else:
                taken.add(path)
                yield path, child


def _contents(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if is_variable(value) or isinstance(value, _OWNERS):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _contents(f"{path}/{key}", item)
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _contents(f"{path}/{number}", item)


_OWNERS = (keras.Layer, keras.Optimizer, keras.random.SeedGenerator, keras.Metric, tf.Module)


def _tracked(root: Any) -> dict[str, Any]:
    """The variables that `tf.train.Checkpoint` saves, by the names they have in its files.

    Such a name is the shortest path through the objects that TensorFlow tracks (`tf.train.TrackableView`), the first
    one found where there are several.
    """
    found: dict[str, Any] = {}
    for path, owner in tracked_objects(root):
        if is_variable(owner):
            found[f"{path}{VALUE_SUFFIX}"] = owner
    return found


def tracked_objects(root: Any) -> Iterator[tuple[str, Any]]:
    """The objects that TensorFlow tracks, nearest first, with their paths; that of the root is empty."""
    seen, waiting = {id(root)}, deque([("", root)])
    while waiting:
        path, owner = waiting.popleft()
        yield path, owner
        for name, child in tf.train.TrackableView.children(owner).items():
            if id(child) not in seen:
                seen.add(id(child))
                escaped = name.replace(".", "..").replace("/", ".S")
                waiting.append((f"{path}/{escaped}" if path else escaped, child))
