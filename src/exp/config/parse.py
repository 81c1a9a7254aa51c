"""From plain data to a checked `Config`, and from what is wrong with it to sentences for the user."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from exp.config.optimizer_rules import target_problems
from exp.config.schema import (
    PROFILE,
    AllDevices,
    Checkpoint,
    Config,
    Data,
    Device,
    Exec,
    Section,
    SubsetOfDevices,
    Summary,
    Train,
    VirtualDevices,
    WorkersDevices,
)
from exp.config.targets import argument_errors, check_trusted, nested_targets
from exp.config.transforms import TRANSFORMS
from exp.errors import UserError

REQUEST_KEYS = ("run", "resume", "objective")
"""Top-level keys that say which run is meant, and what for; they are not part of a run's configuration."""

SUPPLIED = {"model": ("input_shape", "classes"), "data.target": (), "optimizer": ()}
"""Parameters of the targets that `exp.run` passes itself: they follow from the data set."""

_DEVICES: dict[str, type[Section]] = {
    "all": AllDevices,
    "subset": SubsetOfDevices,
    "virtual": VirtualDevices,
    "workers": WorkersDevices,
}
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
    wrong = replica_problems(config, _replicas(config.device))
    if isinstance(config.device, WorkersDevices):
        if name == "session":
            wrong.append("exec=session: a session cannot train across processes; take function, eager or fit")
        if name == "fit" and steps_per_call not in (None, 1):
            wrong.append(
                f"exec.steps_per_call={steps_per_call}: Keras's own loop over several steps fails across processes "
                "(Keras 3.15); take 1, or exec=function"
            )
    if name == "eager" and steps_per_call not in (None, 1):
        wrong.append(f"exec.steps_per_call={steps_per_call}: eager runs one step a call; use exec=function for more")
    if name == "eager" and config.exec.jit_compile is True:
        wrong.append("exec.jit_compile=true: eager makes no graph to compile; use exec=function")
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
    keep = config.checkpoint
    if keep.keep_every and keep.keep_every % keep.every:
        wrong.append(
            f"checkpoint.keep_every={keep.keep_every}: must be a multiple of checkpoint.every={keep.every}, the steps "
            "at which there are checkpoints"
        )
    if keep.restore is None and (keep.scope != "all" or keep.exclude):
        wrong.append("checkpoint.restore=null: checkpoint.scope and checkpoint.exclude go with a checkpoint to restore")
    if wrong:
        raise UserError("\n".join(wrong))


def _replicas(device: Device) -> int:
    """The number of replicas, as far as the configuration alone can tell; else 1, of which there is always one."""
    if isinstance(device, VirtualDevices):
        return device.count
    if isinstance(device, WorkersDevices):
        return device.local or 1
    return len(set(device.indices)) if isinstance(device, SubsetOfDevices) else 1


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
    if config.exec.jit_compile is True and replicas > 1:
        problems.append(f"exec.jit_compile=true: XLA compiles a step for one replica, and there are {replicas}")
    if config.mode == "train":
        problems += target_problems(config.optimizer, replicas)
    return problems


def check_batch_size(batch_size: int, examples: int) -> None:
    """Refuse a batch larger than the training set, which would leave nothing to train with."""
    if batch_size > examples:
        raise UserError(f"data.batch_size={batch_size}: must be at most {examples}, the training examples there are")


def _refuse(errors: Iterable[ErrorDetails], known: Sequence[str]) -> None:
    lines: dict[str, str] = {}
    for error in errors:
        path = _path(error["loc"])
        lines.setdefault(path, _sentence(path, error, known))
    if lines:
        raise UserError("\n".join(lines.values()))


_NOT_KEYS = ("target", "arguments", *_DEVICES, *TRANSFORMS, "int", "float", "str", "bool")
"""What pydantic puts into an error's location besides keys: our own nesting, and the members of a union."""


def _path(loc: Sequence[int | str]) -> str:
    """`data.source` for ("data", "target", "arguments", "source")."""
    parts: list[str] = []
    for part in loc:
        if isinstance(part, int):
            parts[-1] += f"[{part}]"
        elif part not in _NOT_KEYS and not part.startswith(("literal[", "constrained-", "list[")):
            parts.append(part)
    return ".".join(parts)


def _sentence(path: str, error: ErrorDetails, known: Sequence[str]) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return unknown_key(path, known)
    if path.startswith("data.transforms["):
        return _transform_sentence(path, error)
    if kind == "missing":
        return f"{path}: is missing; conf/ gives every key a value, so take the whole group (GROUP=CHOICE)"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return f"{path}.name={context.get('tag')}: must be one of {', '.join(_DEVICES)}"
    return f"{path}={yaml_text(error['input'])}: must be {_allowed(path, kind, context, error)}"


def _transform_sentence(path: str, error: ErrorDetails) -> str:
    kind, given = error["type"], error["input"]
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        given = error.get("ctx", {}).get("tag", given)
        return f"{path}={given}: must be one of {', '.join(TRANSFORMS)}; with parameters, {{name: NAME, KEY: VALUE}}"
    if kind == "missing":
        key = path.rpartition(".")[2]
        return f"{path}: is missing; write {{name: {given.get('name')}, {key}: VALUE}}"
    return f"{path}={yaml_text(given)}: must be {_allowed(path, kind, error.get('ctx', {}), error)}"


_NUMBERS = {
    "greater_than": "{a_number} above {gt}",
    "greater_than_equal": "{a_number} of at least {ge}",
    "less_than": "{a_number} below {lt}",
    "less_than_equal": "{a_number} of at most {le}",
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


_KEYS = {
    "device.memory": "growth, full, a limit of at least 64 (MB), or in a session a fraction between 0 and 1",
    "exec.jit_compile": "true, false, or auto",
    "exec.profile": PROFILE,
}


def _allowed(path: str, kind: str, context: Mapping[str, Any], error: ErrorDetails) -> str:
    own = _KEYS.get(path.partition("[")[0])
    if own:
        return own
    if kind == "literal_error":
        return f"one of {context['expected']}".replace("'", "")
    if kind in _NUMBERS:
        whole = all(isinstance(bound, int) for bound in context.values())
        return _NUMBERS[kind].format(a_number="a whole number" if whole else "a number", **context)
    if kind in _TYPES:
        return _TYPES[kind].format(**context)
    return str(context.get("error", error["msg"]))


def yaml_text(value: Any) -> str:
    """A value as it is written in YAML and on the command line."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


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
    elsewhere = [layout for layout, model in _DEVICES.items() if group == "device" and leaf in model.model_fields]
    if elsewhere:
        return f"{path}: this device layout has no such key; device={' and device='.join(elsewhere)} has"
    if near:
        return f"{path}: there is no such key; did you mean {near[0]}?"
    if inside:
        return f"{path}: there is no such key; {group} has {', '.join(key.rpartition('.')[2] for key in inside)}"
    return f"{path}: there is no such key; `python run.py --help` lists them"
