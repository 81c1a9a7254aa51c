"""Parsing a configuration: from plain data to a checked `Config`."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from exp.config.arguments import argument_errors, targets_in
from exp.config.choices import LOGGER
from exp.config.combination_rules import check_combinations
from exp.config.error_messages import refuse_errors
from exp.config.loggers import parse_loggers
from exp.config.metric_rules import check_choosing, check_metric_names
from exp.config.schema import REQUEST_KEYS, Config, Data
from exp.config.suggestions import known_keys
from exp.config.target_names import SECTIONS_WITH_TARGET
from exp.config.targets import check_trusted, nested_targets

OWN_KEYS = {"data": set(Data.model_fields), "model": {"frozen"}, "task": {"step"}}
"""Keys beside a `_target_` that are none of its arguments."""


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
    loggers = parse_loggers(raw.get(LOGGER))
    try:
        config = Config.model_validate({**_with_targets(raw), LOGGER: loggers})
    except ValidationError as error:
        errors = error.errors(include_url=False)
        refuse_errors(errors, [*known_keys(raw), *_argument_keys(raw)])
    wrong: list[ErrorDetails] = []
    known = known_keys(raw)
    for path, target, whole in targets_in(config):
        errors, arguments = argument_errors(path, target, trusted=prefixes, whole=whole)
        wrong, known = [*wrong, *errors], [*known, *arguments]
    refuse_errors(wrong, known)
    check_metric_names(config)
    check_choosing(config)
    check_combinations(config)
    return config


def _as_target(node: Any) -> Any:
    """A node as the `Target` it should be; what is no such node is left for the schema to refuse."""
    if not isinstance(node, Mapping) or "_target_" not in node:
        return node
    return {"name": node["_target_"], "arguments": {k: v for k, v in node.items() if k != "_target_"}}


def _argument_keys(raw: Mapping[str, Any]) -> list[str]:
    nodes = ((section, raw.get(section)) for section in SECTIONS_WITH_TARGET)
    return [f"{section}.{key}" for section, node in nodes if isinstance(node, Mapping) for key in node]


def _with_targets(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Turn each node with a `_target_` into a `Target`: a part of `data`, and the others as a whole."""
    tree = {key: value for key, value in raw.items() if key not in REQUEST_KEYS}
    for section in SECTIONS_WITH_TARGET:
        node = tree.get(section)
        if not isinstance(node, Mapping) or "_target_" not in node:
            continue
        own = OWN_KEYS.get(section, set())
        target = _as_target({k: v for k, v in node.items() if k not in own})
        rest = {k: _as_target(v) if (section, k) == ("task", "step") else v for k, v in node.items() if k in own}
        tree[section] = {**rest, "target": target} if section == "data" else {**rest, **target}
    if isinstance(tree.get("hooks"), list):
        tree["hooks"] = [_hook(node) for node in tree["hooks"]]
    return tree


def _hook(node: Any) -> Any:
    """A node of `hooks` as the `Hook` it should be."""
    if not isinstance(node, Mapping) or "_target_" not in node:
        return str(node)  # for the schema to refuse as a whole
    return {**_as_target({k: v for k, v in node.items() if k != "every"}), "every": node.get("every")}
