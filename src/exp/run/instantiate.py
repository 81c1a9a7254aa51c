"""Calling what a `_target_` names, and saying whose fault it is if that fails."""

import logging
from collections.abc import Sequence
from typing import Any

from exp.config import Target
from exp.config.targets import OWN_PREFIXES, locate, nested_targets
from exp.errors import UserError
from exp.system.own_code import message_of, place_of, told

log = logging.getLogger("exp")


def instantiate(path: str, target: Target, trusted: Sequence[str], **supplied: Any) -> Any:
    """Call what a target names, nested targets first, after making sure of each that it may be called.

    Raises:
        UserError: a target is not trusted, does not exist, does not take these arguments, or fails in the user's code.
    """
    import hydra.errors
    import hydra.utils

    where = f"{path}._target_={target.name}"
    node = {"_target_": target.name, **target.arguments}
    for key, name in nested_targets(node, path):
        locate(key.removesuffix("._target_"), name, trusted=trusted)
    try:
        return hydra.utils.instantiate(node, **supplied, _convert_="all")
    except hydra.errors.InstantiationException as error:
        cause = error.__cause__ or error
        if isinstance(cause, UserError):
            raise (cause if target.name.startswith(OWN_PREFIXES) else fault(where, cause)) from error
        if isinstance(cause, TypeError | ValueError) or place_of(cause):
            raise fault(where, cause) from error
        raise


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
