"""Keys that are newer than a stored configuration, with the values that such earlier runs had in effect."""

from collections.abc import Mapping
from typing import Any

LATER: Mapping[str, Mapping[str, Any]] = {
    "exec": {"show_autograph": False, "profile": None},
    "summary": {"figures": 100, "histograms": None},
}


def with_later_keys(stored: Mapping[str, Any]) -> dict[str, Any]:
    """A stored configuration with today's keys added; the keys that it has keep their values."""
    tree = dict(stored)
    for section, keys in LATER.items():
        if isinstance(tree.get(section), Mapping):
            tree[section] = {**tree[section], **{k: v for k, v in keys.items() if k not in tree[section]}}
    return tree
