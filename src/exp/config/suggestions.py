"""Suggestions: for a key or a choice that does not exist, the sentence that says which one was probably meant."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from exp.config import synonyms
from exp.config.optimizer_rules import NEVER
from exp.errors import excerpt
from exp.terminal.commands import called


def known_keys(raw: Mapping[str, Any]) -> list[str]:
    """Every key path that the schema allows, for the device layout that `raw` chooses."""
    from exp.config.schema import REQUEST_KEYS, SECTIONS, VARIANTS, Config

    sections = dict(SECTIONS)
    for section, variants in VARIANTS.items():
        node = raw.get(section)
        chosen = node.get("name") if isinstance(node, Mapping) else None
        sections[section] = variants.get(str(chosen), next(iter(variants.values())))
    keys = [*(name for name in Config.model_fields), *REQUEST_KEYS]
    for section, model in sections.items():
        keys += [f"{section}.{field}" for field in model.model_fields if field != "target"]
    return keys


def unknown_key(path: str, known: Sequence[str]) -> str:
    """The sentence for a key that does not exist, with the one that was probably meant.

    A synonym is tried first, then a key of the same name in another group, then the key with the most similar letters.
    """
    group, _, leaf = path.rpartition(".")
    inside = [key for key in known if group and key.startswith(f"{group}.")]
    elsewhere = _variants_with(group, leaf)
    if elsewhere:
        what = "device layout" if group == "device" else group
        others = f" and {group}=".join(elsewhere)
        return f"{path}: this {what} has no such key; {group}={others} {'has' if len(elsewhere) == 1 else 'have'}"
    if leaf in NEVER and group in ("", "optimizer", "train"):
        return f"{path}: {NEVER[leaf]}; it is refused"
    if leaf in synonyms.KERAS_KEYS and group in ("", "optimizer", "train"):
        have = "Adam has" if leaf == "amsgrad" else "Adam and SGD have"
        return (
            f"{path}: this optimizer has no such key; Keras's own {have}: "
            f"optimizer._target_=keras.optimizers.Adam +optimizer.{leaf}=VALUE"
        )
    near = meant_by(leaf, known) or _nearest(path, known, inside)
    if near:
        return f"{excerpt(path)}: there is no such key; did you mean {near}?"
    if inside:
        return f"{path}: there is no such key; {group} has {', '.join(key.rpartition('.')[2] for key in inside)}"
    return f"{excerpt(path)}: there is no such key; `{called()} --help` lists them"


def _variants_with(group: str, leaf: str) -> list[str]:
    """The choices of a group that have a key, if its choices have different ones."""
    if group not in ("device", "schedule"):  # without the schema, which takes a while to import
        return []
    from exp.config.schema import VARIANTS

    return [name for name, model in VARIANTS[group].items() if leaf in model.model_fields]


def unknown_choice(group: str, choice: str, choices: Sequence[str]) -> str:
    """The sentence for a choice that a group does not have, with the one that was probably meant."""
    given = f"{group}={excerpt(choice)}: must be one of {', '.join(choices)}"
    plain = choice.lower().replace("-", "_")
    keras = {name.lower(): name for name in synonyms.KERAS_OPTIMIZERS}
    if group == "optimizer" and plain.replace("_", "") in keras:
        name = keras[plain.replace("_", "")]
        before = synonyms.KERAS_OPTIMIZERS[name]
        return f"{given}; Keras has it: {before}{' ' if before else ''}optimizer._target_=keras.optimizers.{name}"
    same = [name for name in choices if name.lower().replace("-", "_") == plain]
    near = same or difflib.get_close_matches(choice, choices, n=1, cutoff=0.4)
    meant = synonyms.CHOICES.get((group, plain)) if not same else None
    if not meant and near:
        meant = f"{group}={near[0]}"
    return f"{given}; did you mean {meant}?" if meant else given


def meant_by(leaf: str, known: Sequence[str]) -> str | None:
    """The key for which this name is a synonym; or else the only key whose last part it is."""
    meant = synonyms.KEYS.get(leaf.lower())
    if meant and (meant in known or meant.startswith("hydra.")):
        return meant
    same = [key for key in known if "." in key and key.rpartition(".")[2] == leaf]
    return same[0] if len(set(same)) == 1 else None


def _nearest(path: str, known: Sequence[str], inside: Sequence[str]) -> str | None:
    """The key with the most similar letters; last parts are compared too, so `batchsize` finds `data.batch_size`."""
    leaf = path.rpartition(".")[2]
    near = difflib.get_close_matches(path, inside or known, n=1)
    if not near:
        leaves = {key.rpartition(".")[2]: key for key in (inside or known)}
        near = [leaves[name] for name in difflib.get_close_matches(leaf, leaves, n=1)]
    return near[0] if near else None
