"""Keys that are newer than a stored configuration, with the values that such earlier runs had in effect."""

from collections.abc import Mapping
from typing import Any

from exp.config.config_hash import config_hash

Keys = Mapping[str, Any]
"""Keys of groups by the group's name; or a key that stands by itself."""

ADDITIONS: tuple[Keys, ...] = (
    {"exec": {"show_autograph": False, "profile": None}, "summary": {"figures": 100, "histograms": None}},
    {
        "task": {
            "_target_": "exp.task.classification.create",
            "label_smoothing": 0.0,
            "class_weights": None,
            "top_k": [],
            "metrics": {},
        },
        "model": {"frozen": []},
        "checkpoint": {"goal": None},
    },
    {"task": {"step": None}},
    {"hooks": []},
    {
        "data": {"validation": None, "split_seed": 0, "on_leak": "warn"},
        "train": {
            "clip_norm": None,
            "accumulate": 1,
            "ema": None,
            "precision": "float32",
            "on_nan": "stop",
            "rewinds": 3,
            "rewind_factor": 0.5,
            "max_seconds": None,
            "validate_every": None,
            "monitor": "validation/loss",
            "patience": None,
            "min_delta": 0.0,
        },
        "summary": {"gradient_norm": False},
        "exec": {"deterministic": "auto"},
        "schedule": {"name": "constant", "warmup": 0},
    },
    {"seeds": {"init": None, "order": None, "augment": None}},
)
"""What each version has added, group by group, the oldest first; a group with a `_target_` or a `name` as a whole."""
_NEW_GROUPS = ("seeds",)
"""Groups that were added as a whole, too, and have neither."""


def with_later_keys(stored: Mapping[str, Any]) -> dict[str, Any]:
    """A stored configuration with today's groups and keys added; the keys that it has keep their values."""
    tree = dict(stored)
    for addition in ADDITIONS:
        for group, keys in addition.items():
            if not isinstance(keys, Mapping):
                tree.setdefault(group, keys)
            elif _is_whole(group, keys):
                tree.setdefault(group, dict(keys))
            elif isinstance(tree.get(group), Mapping):
                tree[group] = {**tree[group], **{k: v for k, v in keys.items() if k not in tree[group]}}
    return tree


def earlier_hashes(tree: Mapping[str, Any]) -> frozenset[str]:
    """The hashes that earlier versions, which lacked keys of today, gave a run with this configuration."""
    found, form = set[str](), dict(tree)
    for addition in reversed(ADDITIONS):
        for group, keys in addition.items():
            if not isinstance(keys, Mapping):
                if form.pop(group, keys) != keys:
                    return frozenset(found)
                continue
            node = form.get(group, {})
            if any(node.get(key) != value for key, value in keys.items()):
                return frozenset(found)  # it asks for what earlier versions could not do
            form[group] = {key: value for key, value in node.items() if key not in keys}
            if _is_whole(group, keys):
                form.pop(group, None)
        found.add(config_hash(form))
    return frozenset(found)


def _is_whole(group: str, keys: Mapping[str, Any]) -> bool:
    """Whether these are all keys of a group, and not some that it gained."""
    return group in _NEW_GROUPS or "_target_" in keys or "name" in keys
