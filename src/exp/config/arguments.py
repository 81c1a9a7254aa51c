"""Arguments of targets, held to the signature of what they name before TensorFlow is imported."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError, create_model
from pydantic_core import ErrorDetails

from exp.config.annotations import STRICT
from exp.config.schema import Config
from exp.config.signatures import Parameter, Signature, signature_of
from exp.config.target_names import OWN_PREFIXES
from exp.config.targets import Target, locate, nested_targets

_SUPPLIED = {
    "model": ("input_shape", "classes", "inputs", "targets"),
    "task": ("classes", "targets", "weighted"),
}
"""Parameters of targets that the run passes itself, because their values follow from the data set."""
MISSING_ARGUMENT = "missing_argument"
"""The kind of the error of an argument that a target needs and does not have."""


def argument_errors(
    path: str, target: Target, *, trusted: Sequence[str], whole: bool = True
) -> tuple[list[ErrorDetails], list[str]]:
    """Compare a target's arguments with the signature of what it names, without importing TensorFlow.

    Args:
        path: the node's path in the configuration.
        target: the callable and its arguments. What is neither ours nor trusted, Keras's, may import TensorFlow, and is
            checked when it is called.
        trusted: prefixes of the user's own code.
        whole: whether the node has all that is needed for the call; if not, more arguments are given later.

    Returns:
        pydantic's errors, each located by its path in the configuration; and the paths of all arguments there are.
    """
    signature = _signature(path, target, trusted)
    if signature is None:
        return [], [f"{path}.{name}" for name in target.arguments]
    supplied = _SUPPLIED.get(path, ())
    parameters = {name: one for name, one in signature.parameters.items() if name not in supplied}
    if target.name.startswith(OWN_PREFIXES):
        errors = _errors_of_ours(target, parameters)
    else:
        errors = list(_errors(target, parameters, whole=whole, takes_others=signature.takes_others))
    for details in errors:
        details["loc"] = (path, *details["loc"])
    return errors, [f"{path}.{name}" for name in parameters]


def targets_in(config: Config) -> Iterator[tuple[str, Target, bool]]:
    """Every target of a configuration, with its path, and whether it has all that its call needs."""
    nodes = {"model": config.model, "data": config.data.target, "task": config.task, "optimizer": config.optimizer}
    parts: dict[str, Target] = {f"hooks[{number}]": hook for number, hook in enumerate(config.hooks)}
    parts |= {f"logger.{name}": logger for name, logger in config.logger.own.items()}
    if config.task.step is not None:
        parts["task.step"] = config.task.step
    yield from ((path, target, True) for path, target in nodes.items())
    yield from ((path, target, False) for path, target in parts.items())
    for path, target in {**nodes, **parts}.items():
        for below, node in _nodes(target.arguments, path):
            arguments = {key: value for key, value in node.items() if key != "_target_"}
            yield below, Target(name=str(node["_target_"]), arguments=arguments), False


def _nodes(node: Any, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The nodes with a `_target_` at or below some arguments."""
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield path, node
        for key, value in node.items():
            yield from _nodes(value, f"{path}.{key}")
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for index, value in enumerate(node):
            yield from _nodes(value, f"{path}[{index}]")


def _signature(path: str, target: Target, trusted: Sequence[str]) -> Signature | None:
    if target.name.startswith(OWN_PREFIXES):
        function = locate(path, target.name, trusted=())
        hints = get_type_hints(function, include_extras=True)
        parameters = {
            name: Parameter(hints.get(name, Any), required=one.default is one.empty)
            for name, one in inspect.signature(function).parameters.items()
        }
        return Signature(parameters, takes_others=False)
    told_in_another_way = any(name.startswith("_") for name in target.arguments)  # such as Hydra's `_args_`
    if told_in_another_way or not target.name.startswith(tuple(trusted)):
        return None
    return signature_of(path, target.name)


def _kind(target: Target, name: str, parameter: Parameter) -> Any:
    """The type of an argument; any, if its value is what a target gives."""
    made = any(True for _ in nested_targets(target.arguments.get(name)))
    return Any if made else parameter.kind


def _errors_of_ours(target: Target, parameters: Mapping[str, Parameter]) -> list[ErrorDetails]:
    fields: dict[str, Any] = {
        name: (_kind(target, name, one), ... if one.required else None) for name, one in parameters.items()
    }
    strict = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    try:
        create_model("Arguments", __config__=strict, **fields).model_validate(target.arguments)
    except ValidationError as error:
        return error.errors(include_url=False)
    return []


def _errors(
    target: Target, parameters: Mapping[str, Parameter], *, whole: bool, takes_others: bool
) -> Iterator[ErrorDetails]:
    """What is wrong with arguments of a user's own code; a parameter may have any name there, and be infinite."""
    for name, value in target.arguments.items():
        if name in parameters:
            try:
                TypeAdapter(_kind(target, name, parameters[name]), config=STRICT).validate_python(value)
            except ValidationError as error:
                for details in error.errors(include_url=False):
                    details["loc"] = (name, *details["loc"])
                    yield details
        elif not takes_others:
            yield {"type": "extra_forbidden", "loc": (name,), "msg": "", "input": value}
    for name, one in parameters.items():
        if whole and one.required and name not in target.arguments:
            needed = {"target": target.name}
            yield {"type": MISSING_ARGUMENT, "loc": (name,), "msg": "", "input": None, "ctx": needed}
