"""From plain data to a checked `Config`, and from what is wrong with it to sentences for the user."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from exp.config.schema import (
    AllDevices,
    Checkpoint,
    Config,
    Data,
    Exec,
    Section,
    SubsetOfDevices,
    Summary,
    Train,
    VirtualDevices,
)
from exp.config.targets import argument_errors, check_trusted, nested_targets
from exp.errors import UserError

REQUEST_KEYS = ("run", "resume")
"""Top-level keys that say which run is meant; they are not part of a run's configuration."""

SUPPLIED = {"model": ("input_shape", "classes"), "data.target": (), "optimizer": ()}
"""Parameters of the targets that `exp.run` passes itself: they follow from the data set."""

_DEVICES: dict[str, type[Section]] = {"all": AllDevices, "subset": SubsetOfDevices, "virtual": VirtualDevices}
_SECTIONS: dict[str, type[Section]] = {
    "data": Data,
    "exec": Exec,
    "train": Train,
    "checkpoint": Checkpoint,
    "summary": Summary,
}


def parse(raw: Mapping[str, Any], *, trusted: Sequence[str] | None = None) -> Config:
    """Check a composed configuration.

    Args:
        raw: plain dicts, lists and scalars, interpolations resolved.
        trusted: prefixes that targets may start with besides `exp`'s own; None takes the configuration's
            `trusted_targets`. Configurations read back from a folder must not trust themselves.

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
        _refuse(errors, [*known_keys(raw), *_argument_keys(raw)])
    wrong: list[ErrorDetails] = []
    known = known_keys(raw)
    for path, target in (
        ("model", config.model),
        ("data", config.data.target),
        ("optimizer", config.optimizer),
    ):
        errors, arguments = argument_errors(path, target, supplied=SUPPLIED.get(path, ()))
        wrong, known = [*wrong, *errors], [*known, *arguments]
    _refuse(wrong, known)
    _check_combinations(config)
    return config


def known_keys(raw: Mapping[str, Any]) -> list[str]:
    """Every key path that the schema allows, for the device layout that `raw` chooses."""
    device = raw.get("device")
    layout = device.get("name") if isinstance(device, Mapping) else None
    sections = {**_SECTIONS, "device": _DEVICES.get(str(layout), AllDevices)}
    keys = [*(name for name in Config.model_fields), *REQUEST_KEYS]
    for section, model in sections.items():
        keys += [f"{section}.{field}" for field in model.model_fields if field != "target"]
    return keys


def _argument_keys(raw: Mapping[str, Any]) -> list[str]:
    nodes = ((section, raw.get(section)) for section in ("model", "data", "optimizer"))
    return [f"{section}.{key}" for section, node in nodes if isinstance(node, Mapping) for key in node]


def _with_targets(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the nodes that have a `_target_` into `Target`s: all of `model` and `optimizer`, and a part of `data`."""
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


def _check_combinations(config: Config) -> None:
    """Refuse what cannot go together, as far as the configuration alone can tell."""
    steps_per_call, name = config.exec.steps_per_call, config.exec.name
    wrong = []
    if isinstance(config.device, VirtualDevices):
        wrong = replica_problems(config, config.device.count)
    if name == "eager" and steps_per_call not in (None, 1):
        wrong.append(f"exec.steps_per_call={steps_per_call}: eager runs one step a call; use exec=function for more")
    if name == "eager" and config.exec.jit_compile:
        wrong.append("exec.jit_compile=True: eager makes no graph to compile; use exec=function")
    if name == "fit" and steps_per_call and config.checkpoint.every % steps_per_call:
        wrong.append(
            f"checkpoint.every={config.checkpoint.every}: exec=fit can only save between calls; take a multiple of "
            f"exec.steps_per_call={steps_per_call}"
        )
    memory = getattr(config.device, "memory", None)
    if isinstance(memory, float) and name != "session":
        wrong.append(
            f"device.memory={memory}: only exec=session can take a fraction of a GPU's memory; use growth, full, or a "
            "limit in MB"
        )
    if wrong:
        raise UserError("\n".join(wrong))


def replica_problems(config: Config, replicas: int) -> list[str]:
    """What a configuration asks for that so many replicas cannot do, a sentence for each."""
    batch, problems = config.data.batch_size, []
    if batch < replicas:
        problems.append(f"data.batch_size={batch}: has no example for each of the {replicas} replicas")
    elif config.exec.name == "fit" and batch % replicas:
        problems.append(
            f"data.batch_size={batch}: exec=fit needs a multiple of the {replicas} replicas, because Keras averages "
            "over replicas; the other modes take any batch size"
        )
    if config.exec.jit_compile and replicas > 1:
        problems.append(f"exec.jit_compile=True: XLA compiles a step for one replica, and there are {replicas}")
    return problems


def _refuse(errors: Iterable[ErrorDetails], known: Sequence[str]) -> None:
    lines: dict[str, str] = {}
    for error in errors:
        path = _path(error["loc"])
        lines.setdefault(path, _sentence(path, error, known))
    if lines:
        raise UserError("\n".join(lines.values()))


_NOT_KEYS = ("target", "arguments", *_DEVICES, "int", "float", "str", "bool")
"""What pydantic puts into an error's location besides keys: our own nesting, and the members of a union."""


def _path(loc: Sequence[int | str]) -> str:
    """`data.source` for ("data", "target", "arguments", "source")."""
    parts: list[str] = []
    for part in loc:
        if isinstance(part, int):
            parts[-1] += f"[{part}]"
        elif part not in _NOT_KEYS and not part.startswith(("literal[", "constrained-")):
            parts.append(part)
    return ".".join(parts)


def _sentence(path: str, error: ErrorDetails, known: Sequence[str]) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return unknown_key(path, known)
    if kind == "missing":
        return f"{path}: is missing; conf/ gives every key a value, so take the whole group (GROUP=CHOICE)"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return f"{path}.name={context.get('tag')}: must be one of {', '.join(_DEVICES)}"
    return f"{path}={error['input']}: must be {_allowed(path, kind, context, error)}"


_NUMBERS = {
    "greater_than": "above {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le}",
}
_TYPES = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "a list, such as [0,1]",
    "dict_type": "a group of keys",
    "model_type": "a group of keys",
    "model_attributes_type": "a group of keys",
    "too_short": "a list with at least {min_length} element",
    "string_pattern_mismatch": "a plain file name: letters, digits, '_', '-' and '.', at most 64 of them",
}


def _allowed(path: str, kind: str, context: Mapping[str, Any], error: ErrorDetails) -> str:
    if path.endswith(".memory"):
        return "growth, full, a limit of at least 64 (MB), or in a session a fraction between 0 and 1"
    if kind == "literal_error":
        return f"one of {context['expected']}".replace("'", "")
    if kind in _NUMBERS:
        return _NUMBERS[kind].format(**context)
    if kind in _TYPES:
        return _TYPES[kind].format(**context)
    return str(context.get("error", error["msg"]))


def unknown_key(path: str, known: Sequence[str]) -> str:
    """The sentence for a key that does not exist, with the nearest one that does."""
    candidates = list(dict.fromkeys(known))
    nearest = difflib.get_close_matches(path, candidates, n=1, cutoff=0.6)
    if not nearest:
        same_leaf = [key for key in candidates if key.rpartition(".")[2] == path.rpartition(".")[2]]
        leaf = difflib.get_close_matches(path.rpartition(".")[2], [k.rpartition(".")[2] for k in candidates], n=1)
        nearest = same_leaf or [key for key in candidates if leaf and key.endswith(leaf[0])]
    hint = f"did you mean {nearest[0]}?" if nearest else "`python run.py --help` lists the keys"
    return f"{path}: there is no such key; {hint}"
