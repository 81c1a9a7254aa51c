"""Keys that configurations stored by earlier versions do not have yet, with the values that such runs had in effect."""

from collections.abc import Mapping
from typing import Any

LATER: Mapping[str, Mapping[str, Any]] = {
    "exec": {"show_autograph": False, "profile": None},
    "summary": {"figures": 100, "histograms": None},
}


def with_later_keys(stored: Mapping[str, Any]) -> dict[str, Any]:
    """A stored configuration with today's keys; what it has stays."""
    tree = dict(stored)
    for section, keys in LATER.items():
        if isinstance(tree.get(section), Mapping):
            tree[section] = {**tree[section], **{k: v for k, v in keys.items() if k not in tree[section]}}
    return tree
