"""Checkpoints of TensorFlow 2.0 to 2.15, with the object names of Keras 2: which of their variables is which of ours.

Such a file names a variable by the attributes that lead to it, from a root that its author named:
`myAwesomeModel/dense1/kernel/.ATTRIBUTES/VARIABLE_VALUE`, or `root/layer_with_weights-0/kernel/...` in a
`Sequential`.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from exp.checkpoint import bundle
from exp.checkpoint.record import CheckpointError
from exp.checkpoint.variables import VALUE_SUFFIX, Named

_NUMBERED = re.compile(r"layer_with_weights-(\d+)")
_NOT_WEIGHTS = re.compile(
    r"/\.OPTIMIZER_SLOT/|^save_counter$|^[^/]+/(iter|beta_1|beta_2|decay|learning_rate|momentum|rho)$"
    r"|^[^/]+/(_variables/\d+|_iterations|_learning_rate)$"
)
"""Variables of optimizers: first those up to TensorFlow 2.10 and of `optimizers.legacy`, then those since 2.11."""

Shapes = dict[str, tuple[int, ...]]
"""The shapes of a layer's weights by their last names, such as {"kernel": (784, 100), "bias": (100,)}."""


@dataclass(frozen=True)
class Foreign:
    """The weights of one model in a foreign checkpoint."""

    prefix: Path
    root: str
    layers: dict[str, Shapes]
    """By the path from the root, such as `dense1`."""
    left: list[str]
    """Names of everything else in the file: slots and settings of optimizers, counters, other models."""

    def key(self, layer: str, weight: str) -> str:
        """The name of a weight in the file."""
        return f"{self.root}/{layer}/{weight}{VALUE_SUFFIX}" if layer else f"{self.root}/{weight}{VALUE_SUFFIX}"


def find_foreign(given: Path, root: str | None) -> Foreign:
    """Look into a checkpoint.

    Args:
        given: its prefix, such as `save/model.ckpt-1`, or a folder, whose newest one is taken.
        root: the name that the model was saved under; None finds the only one there is.

    Raises:
        CheckpointError: there is no such checkpoint, or no such root in it.
    """
    try:
        prefix = Path(tf.train.latest_checkpoint(str(given)) or given) if given.is_dir() else given
        with bundle.opened(prefix) as reader:
            shapes = reader.get_variable_to_shape_map()
    except (ValueError, RuntimeError, tf.errors.OpError) as error:
        raise CheckpointError(f"{given}: is not the prefix of a checkpoint, such as save/model.ckpt-1") from error
    names = {
        key.removesuffix(VALUE_SUFFIX): tuple(shape) for key, shape in shapes.items() if key.endswith(VALUE_SUFFIX)
    }
    weights = {name: shape for name, shape in names.items() if not _NOT_WEIGHTS.search(name) and "/" in name}
    roots = sorted({name.partition("/")[0] for name in weights})
    if root is None and len(roots) == 1:
        root = roots[0]
    if root is None or root not in roots:
        asked = "holds several models; say which one" if root is None else f"holds no model named {root}"
        raise CheckpointError(f"{prefix}: {asked} (--key): {', '.join(roots) or 'there is none'}")
    layers: dict[str, Shapes] = defaultdict(dict)
    for name, shape in sorted(weights.items()):
        if name.startswith(f"{root}/"):
            layer, _, weight = name.removeprefix(f"{root}/").rpartition("/")
            layers[layer][weight] = shape
    left = sorted(name for name in names if name not in weights or not name.startswith(f"{root}/"))
    return Foreign(prefix, root, dict(layers), left)


def match(foreign: Foreign, here: Mapping[str, Named], given: Mapping[str, str]) -> list[tuple[Named, str]]:
    """Pair each variable here with the name of its value in the file.

    Layers are matched by what is given, else by name, else by their numbers, else by their shapes, where only one fits.

    Args:
        foreign: the checkpoint.
        here: the model's variables, by path.
        given: for some layers of the file the layer here, both as the error messages name them.

    Raises:
        CheckpointError: a layer has no counterpart, or several, or another shape; both sides are listed.
    """
    ours: dict[str, dict[str, Named]] = defaultdict(dict)
    for named in here.values():
        layer, _, weight = named.title.rpartition("/")
        ours[layer.partition("/")[2] or layer][weight] = named
    shapes = {layer: {w: tuple(n.variable.shape) for w, n in weights.items()} for layer, weights in ours.items()}
    pairs = _pairs(foreign.layers, shapes, given)
    wrong = [name for name, layer in pairs.items() if foreign.layers[name] != shapes.get(layer)]
    if wrong or len(pairs) != len(shapes) or len(pairs) != len(foreign.layers):
        raise CheckpointError(
            f"{foreign.prefix}: cannot be matched with the model here; --map THERE=HERE says what belongs together\n"
            f"  in the checkpoint, under {foreign.root}: {_listed(foreign.layers)}\n  here: {_listed(shapes)}"
        )
    return [
        (named, foreign.key(name, weight)) for name, layer in pairs.items() for weight, named in ours[layer].items()
    ]


def _pairs(theirs: Mapping[str, Shapes], ours: Mapping[str, Shapes], given: Mapping[str, str]) -> dict[str, str]:
    pairs = {name: layer for name, layer in given.items() if name in theirs and layer in ours}
    open_theirs = [name for name in theirs if name not in pairs]
    open_ours = [layer for layer in ours if layer not in pairs.values()]
    if set(open_theirs) <= set(open_ours):
        return pairs | {name: name for name in open_theirs}
    if not pairs and all(_NUMBERED.fullmatch(name) for name in open_theirs):
        return dict(zip(sorted(open_theirs, key=_number), ours, strict=False))
    for name in open_theirs:
        fitting = [layer for layer in open_ours if ours[layer] == theirs[name]]
        rivals = [other for other in open_theirs if theirs[other] == theirs[name]]
        if len(fitting) == len(rivals) == 1:
            pairs[name] = fitting[0]
    return pairs


def _number(name: str) -> int:
    found = _NUMBERED.fullmatch(name)
    assert found
    return int(found[1])


def _listed(layers: Mapping[str, Shapes]) -> str:
    def one(name: str, shapes: Shapes) -> str:
        return f"{name or '(the root)'} ({', '.join(f'{w} {list(s)}' for w, s in shapes.items())})"

    parts: Sequence[str] = [one(name, shapes) for name, shapes in layers.items()]
    return "; ".join(parts)


def values_of(foreign: Foreign, keys: Sequence[str]) -> list[Any]:
    """The values of variables in the file.

    Raises:
        CheckpointError: they cannot be read.
    """
    try:
        values = bundle.read(foreign.prefix, keys)
    except (ValueError, RuntimeError, tf.errors.OpError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"{foreign.prefix}: is damaged ({reason})") from error
    return [values[key] for key in keys]
