"""The structure of a model: its layers, their settings, and how they are connected.

Two models with variables of the same shapes can compute different things; their structures tell them apart. The Python
code of a class is not compared, only its name.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from exp.checkpoint.variables import walk

_NOT_STRUCTURE = frozenset(
    {"name", "trainable", "seed", "build_input_shape", "layers", "input_layers", "output_layers"}
)
"""Settings that do not change what a trained layer computes, or that are listed on their own."""


def structure_of(model: Any) -> dict[str, str]:
    """Each layer and module by its path, with its class and its settings as text."""
    layers = {}
    for path, owner in walk("model", model, set()):
        if isinstance(owner, keras.Layer | tf.Module) and not isinstance(owner, keras.Metric):
            layers[path] = " ".join([type(owner).__qualname__, *_settings(owner)])
    return layers


def structure_digest(layers: Mapping[str, str]) -> str:
    """SHA-256 of a structure."""
    return hashlib.sha256(json.dumps(sorted(layers.items())).encode()).hexdigest()


def _settings(owner: Any) -> list[str]:
    try:
        config = owner.get_config()
    except (AttributeError, NotImplementedError, TypeError, ValueError):
        return []  # a class that does not say how to make it anew
    plain = _plain(config)
    if isinstance(config.get("layers"), list):
        plain["connections"] = _connections(config)
    return [f"{key}={_text(value)}" for key, value in sorted(plain.items())]


def _plain(value: Any) -> Any:
    """A setting without the parts that do not count, also those of layers inside a wrapper such as `Bidirectional`."""
    if isinstance(value, Mapping):
        if value.get("class_name") == "DTypePolicy":
            return value["config"]["name"]
        return {key: _plain(item) for key, item in value.items() if _counts(key)}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _counts(key: str) -> bool:
    return key not in _NOT_STRUCTURE and not key.endswith("_initializer")


def _connections(config: Mapping[str, Any]) -> Any:
    """Which layer takes its inputs from which, by number: names of layers may count on from earlier models."""
    layers = config["layers"]
    numbers = {layer.get("config", {}).get("name"): number for number, layer in enumerate(layers)}

    def numbered(node: Any) -> Any:
        if isinstance(node, Mapping):
            return {key: numbered(value) for key, value in node.items()}
        if isinstance(node, list | tuple):
            return [numbered(item) for item in node]
        return numbers.get(node, node) if isinstance(node, str) else node

    ends = [config.get("input_layers"), config.get("output_layers")]
    return numbered([[[layer.get("class_name"), layer.get("inbound_nodes")] for layer in layers], ends])


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=lambda other: type(other).__qualname__)
