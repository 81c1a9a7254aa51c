"""Error messages: sentences for the user about what pydantic finds wrong with a configuration."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic_core import ErrorDetails

from exp.config.schema import PROFILE, VARIANTS
from exp.config.suggestions import unknown_key
from exp.config.transform_schema import TRANSFORMS
from exp.errors import UserError, excerpt


def refuse_errors(errors: Iterable[ErrorDetails], known: Sequence[str]) -> None:
    """Raise one error for all that is wrong; do nothing if there is nothing.

    Args:
        errors: what pydantic found.
        known: the paths of all keys that exist, for suggestions.

    Raises:
        UserError: with a line for each key that is wrong.
    """
    lines: dict[str, str] = {}
    for error in errors:
        path = _path(error["loc"])
        lines.setdefault(path, _sentence(path, error, known))
    if lines:
        raise UserError("\n".join(lines.values()))


_NOT_KEYS = ("target", "arguments", *TRANSFORMS, "int", "float", "str", "bool")
"""Names in the location of a pydantic error that are no keys: our own nesting, and the members of a union."""


def _path(loc: Sequence[int | str]) -> str:
    """The path of a key for its location: `data.source` for ("data", "target", "arguments", "source")."""
    parts: list[str] = []
    for number, part in enumerate(loc):
        if number == 1 and part in VARIANTS.get(str(loc[0]), ()):
            continue
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
    if path.startswith("hooks"):
        allowed = _KEYS[path] if path == "hooks" else _HOOK
        return f"{path}={excerpt(yaml_text(error['input']))}: must be {allowed}"
    if kind in _MISSING:
        return f"{path}: is missing{_MISSING[kind].format(path=path, **context)}"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return f"{path}.name={excerpt(context.get('tag'))}: must be one of {', '.join(VARIANTS[path])}"
    return f"{path}={excerpt(yaml_text(error['input']))}: must be {_allowed(path, kind, context, error)}"


_MISSING = {
    "missing": "; conf/ gives every key a value, so take the whole group (GROUP=CHOICE)",
    "missing_argument": ", and {target} needs it; give +{path}=VALUE, or add it to the file of the choice",
}


def _transform_sentence(path: str, error: ErrorDetails) -> str:
    kind, given = error["type"], error["input"]
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        given = error.get("ctx", {}).get("tag", given)
        known = ", ".join(TRANSFORMS)
        return (
            f"{path}={excerpt(yaml_text(given))}: must be one of {known}; with parameters, {{name: NAME, KEY: VALUE}}"
        )
    if kind == "missing":
        key = path.rpartition(".")[2]
        return f"{path}: is missing; write {{name: {given.get('name')}, {key}: VALUE}}"
    return f"{path}={excerpt(yaml_text(given))}: must be {_allowed(path, kind, error.get('ctx', {}), error)}"


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
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
    "string_pattern_mismatch": "a plain file name: letters, digits, '_', '-' and '.', at most 64 of them",
}


_HOOK = "a node with a function of your own and a number of steps, such as {_target_: my_hooks.show, every: 100}"
_KEYS = {
    "hooks": f"a list, each element of which is {_HOOK}",
    "data.validation": "a number of training examples, a fraction of them between 0 and 1, or own",
    "device.memory": "growth, full, a limit of at least 64 (MB), or in a session a fraction between 0 and 1",
    "exec.jit_compile": "true, false, or auto",
    "exec.deterministic": "true, false, or auto",
    "exec.profile": PROFILE,
    "task.step": "a node that names a function of your own, such as {_target_: my_steps.train_step}",
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
    """Write a value as YAML and the command line have it."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
