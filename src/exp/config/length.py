"""The length of a run, which alone of its configuration may be another one when it goes on."""

from collections.abc import Mapping
from typing import Any

_KEYS = ("epochs", "steps", "max_seconds")
LENGTH_KEYS = tuple(f"train.{key}" for key in _KEYS)
"""The keys that say how long a run trains."""


def length_of(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The length that a configuration asks for, by the keys of `train`."""
    return {key: tree["train"].get(key) for key in _KEYS}


def with_length(tree: Mapping[str, Any], length: Mapping[str, Any]) -> dict[str, Any]:
    """The same configuration with another length."""
    return {**tree, "train": {**tree["train"], **length}}
