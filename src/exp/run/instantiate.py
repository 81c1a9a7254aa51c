"""Calling what a `_target_` names, and saying whose fault it is if that fails."""

import inspect
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from exp.config import Target
from exp.config.target_names import OWN_PREFIXES
from exp.config.targets import locate, nested_targets
from exp.errors import UserError
from exp.system.own_code import message_of, place_of, told

log = logging.getLogger("exp")


def instantiate(path: str, target: Target, trusted: Sequence[str], **supplied: Any) -> Any:
    """Call what a target names, nested targets first, after making sure of each that it may be called.

    A nested function that takes more than its node has, such as a loss (targets, outputs), is handed on as it is.

    Args:
        path: the node's path in the configuration.
        target: the callable and its arguments.
        trusted: prefixes that targets may start with besides our own.
        supplied: what the run knows; the callable gets what its signature names.

    Raises:
        UserError: a target is not trusted, does not exist, does not take these arguments, or fails in the user's code.
    """
    import hydra.errors
    import hydra.utils

    where = f"{path}._target_={target.name}"
    node = {"_target_": target.name, **target.arguments}
    found = {
        key: locate(key.removesuffix("._target_"), name, trusted=trusted) for key, name in nested_targets(node, path)
    }
    wanted = _named(found[f"{path}._target_"], supplied)
    node = {key: _handed_on(value, f"{path}.{key}", found) for key, value in node.items()}
    try:
        return hydra.utils.instantiate(node, **wanted, _convert_="all")
    except hydra.errors.InstantiationException as error:
        cause = error.__cause__ or error
        if isinstance(cause, UserError):
            raise (cause if target.name.startswith(OWN_PREFIXES) else fault(where, cause)) from error
        if isinstance(cause, TypeError | ValueError) or place_of(cause):
            raise fault(where, cause) from error
        raise


def _handed_on(node: Any, path: str, found: Mapping[str, Any]) -> Any:
    """A node whose functions are marked as such, if they take more than their nodes have."""
    if isinstance(node, Mapping):
        below = {key: _handed_on(value, f"{path}.{key}", found) for key, value in node.items()}
        function = found.get(f"{path}._target_")
        return {**below, "_partial_": True} if inspect.isfunction(function) and _lacks(function, node) else below
    if isinstance(node, Sequence) and not isinstance(node, str):
        return [_handed_on(value, f"{path}[{number}]", found) for number, value in enumerate(node)]
    return node


def _lacks(function: Any, node: Mapping[str, Any]) -> bool:
    """Whether a function has parameters without a value in its node."""
    parameters = inspect.signature(function).parameters.values()
    named = [one for one in parameters if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    return any(one.default is one.empty and one.name not in node for one in named)


def _named(function: Any, supplied: Mapping[str, Any]) -> dict[str, Any]:
    """What the signature of a function names of what is supplied; all of it if that takes any keyword."""
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return dict(supplied)
    names = {parameter.name for parameter in parameters}
    return {name: value for name, value in supplied.items() if name in names}


def fault(what: str, error: BaseException) -> UserError:
    """What is wrong with something of the user's; the traceback is left in run.log."""
    log.info("%s", what, exc_info=error)
    known = isinstance(error, UserError) or (isinstance(error, TypeError | ValueError) and not place_of(error))
    return UserError(f"{what}: {message_of(error) if known else told(error)}")


def check_kind(what: str, value: Any, kind: type, *, called: str) -> None:
    """Refuse what is of another kind.

    Args:
        what: was asked for, such as `model=my_models.create`.
        value: what it gave.
        kind: must be its class.
        called: what a person calls that, such as `a keras.Model`.

    Raises:
        UserError: it is something else.
    """
    if not isinstance(value, kind):
        raise UserError(f"{what}: gives {'nothing' if value is None else f'a {type(value).__name__}'}, not {called}")
