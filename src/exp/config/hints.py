"""The keys that there are, and for one that does not exist the one that was meant."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from exp.config.schema import DEVICES, REQUEST_KEYS, SECTIONS, AllDevices, Config


def known_keys(raw: Mapping[str, Any]) -> list[str]:
    """Every key path that the schema allows, for the device layout that `raw` chooses."""
    device = raw.get("device")
    layout = device.get("name") if isinstance(device, Mapping) else None
    sections = {**SECTIONS, "device": DEVICES.get(str(layout), AllDevices)}
    keys = [*(name for name in Config.model_fields), *REQUEST_KEYS]
    for section, model in sections.items():
        keys += [f"{section}.{field}" for field in model.model_fields if field != "target"]
    return keys


def unknown_key(path: str, known: Sequence[str]) -> str:
    """The sentence for a key that does not exist, with the nearest one that does.

    The last part of the path is compared first, so that `batchsize` finds `data.batch_size`.
    """
    group, _, leaf = path.rpartition(".")
    inside = [key for key in known if group and key.startswith(f"{group}.")]
    near = difflib.get_close_matches(path, inside or known, n=1)
    if not near:
        leaves = {key.rpartition(".")[2]: key for key in (inside or known)}
        near = [leaves[name] for name in difflib.get_close_matches(leaf, leaves, n=1)]
    elsewhere = [layout for layout, model in DEVICES.items() if group == "device" and leaf in model.model_fields]
    if elsewhere:
        return f"{path}: this device layout has no such key; device={' and device='.join(elsewhere)} has"
    if near:
        return f"{path}: there is no such key; did you mean {near[0]}?"
    if inside:
        return f"{path}: there is no such key; {group} has {', '.join(key.rpartition('.')[2] for key in inside)}"
    return f"{path}: there is no such key; `python run.py --help` lists them"
