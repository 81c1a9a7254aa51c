"""Parsing a configuration: from plain data to a checked `Config`."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from exp.config.combination_rules import check_combinations
from exp.config.error_messages import refuse_errors
from exp.config.schema import REQUEST_KEYS, Config, Data
from exp.config.suggestions import known_keys
from exp.config.targets import argument_errors, check_trusted, nested_targets

SUPPLIED = {"model": ("input_shape", "classes"), "data.target": (), "optimizer": ()}
"""Parameters of targets that the run passes itself, because their values follow from the data set."""


def parse(raw: Mapping[str, Any], *, trusted: Sequence[str] | None = None) -> Config:
    """Check a composed configuration.

    Args:
        raw: plain dicts, lists and scalars, interpolations resolved.
        trusted: prefixes that targets may start with besides `exp`'s own; None takes the configuration's
            `trusted_targets`. A configuration that was read from a folder must not be asked whom to trust.

    Raises:
        UserError: with a line for each thing that is wrong: the key, the value, and what would be right.
    """
    prefixes = raw.get("trusted_targets") if trusted is None else trusted
    prefixes = [p for p in prefixes if isinstance(p, str)] if isinstance(prefixes, Sequence) else []
    for path, name in nested_targets(raw):
        check_trusted(path, name, prefixes)
    try:
        config = Config.model_validate(_with_targets(raw))
    except ValidationError as error:
        errors = error.errors(include_url=False)
        refuse_errors(errors, [*known_keys(raw), *_argument_keys(raw)])
    wrong: list[ErrorDetails] = []
    known = known_keys(raw)
    for path, target in (
        ("model", config.model),
        ("data", config.data.target),
        ("optimizer", config.optimizer),
    ):
        errors, arguments = argument_errors(path, target, supplied=SUPPLIED.get(path, ()))
        wrong, known = [*wrong, *errors], [*known, *arguments]
    refuse_errors(wrong, known)
    check_combinations(config)
    return config


def _argument_keys(raw: Mapping[str, Any]) -> list[str]:
    nodes = ((section, raw.get(section)) for section in ("model", "data", "optimizer"))
    return [f"{section}.{key}" for section, node in nodes if isinstance(node, Mapping) for key in node]


def _with_targets(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Turn each node with a `_target_` into a `Target`: `model` and `optimizer` as a whole, and a part of `data`."""
    tree = {key: value for key, value in raw.items() if key not in REQUEST_KEYS}
    for section in ("model", "optimizer", "data"):
        node = tree.get(section)
        if not isinstance(node, Mapping) or "_target_" not in node:
            continue
        own = set(Data.model_fields) if section == "data" else set()
        target = {
            "name": node["_target_"],
            "arguments": {k: v for k, v in node.items() if k != "_target_" and k not in own},
        }
        rest = {k: v for k, v in node.items() if k in own}
        tree[section] = {**rest, "target": target} if section == "data" else target
    return tree
