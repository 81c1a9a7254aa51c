"""`logger`: where a run logs. Each choice of the group brings a key with its name, and below that its settings."""

import difflib
import os
import re
import shlex
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, ValidationError

from exp.config.choices import LOGGER
from exp.config.section import Section
from exp.config.targets import Target
from exp.errors import UserError, excerpt

JSONL, TENSORBOARD, CSV, MLFLOW = "jsonl", "tensorboard", "csv", "mlflow"
OURS = (TENSORBOARD, JSONL, CSV, MLFLOW)
DEFAULT: Mapping[str, Any] = {TENSORBOARD: {}, JSONL: {}}
"""What runs of earlier versions logged to."""
SERVER_VARIABLE = "MLFLOW_TRACKING_URI"
"""Names the server for all programs of MLflow's."""
_OWN = "such as {_target_: my_loggers.Mine}"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


class Mlflow(Section):
    """An MLflow server, and what it is sent."""

    tracking_uri: str | None
    experiment: Annotated[str, Field(min_length=1, max_length=500)]
    artifacts: bool


class LoggerChoice(Section):
    """The loggers of a run beside `metrics.jsonl`, which every run has."""

    tensorboard: bool
    csv: bool
    mlflow: Mlflow | None
    own: dict[str, Target]
    """Loggers of the user's own, by name."""


_MUST = {
    "tracking_uri": "null, or the address of a server, such as http://127.0.0.1:5000",
    "experiment": "the name of an experiment, at most 500 characters",
    "artifacts": "true or false",
}


def parse_loggers(node: Any) -> LoggerChoice:
    """The loggers of a configuration.

    Raises:
        UserError: the first thing that is wrong, with the key, the value and what would be right.
    """
    if not isinstance(node, Mapping):
        given = "null" if node is None else excerpt(node)
        raise UserError(f"{LOGGER}={given}: must be a list of choices, such as {LOGGER}=[{TENSORBOARD},{JSONL}]")
    names = [str(name) for name in node]
    if JSONL not in names:
        together = ",".join([*names, JSONL])
        raise UserError(
            f"{LOGGER}=[{','.join(names)}]: lacks {JSONL}; comparisons, plots and reports read metrics.jsonl, so that "
            f"every run writes it: {LOGGER}=[{together}]"
        )
    own = {str(name): _own(str(name), below) for name, below in node.items() if name not in OURS}
    for name in (TENSORBOARD, JSONL, CSV):
        if node.get(name, {}) not in ({}, None):
            raise UserError(f"{LOGGER}.{name}.{_first_key(node[name])}: there is no such key; {name} has none")
    mlflow = _mlflow(node[MLFLOW]) if MLFLOW in names else None
    return LoggerChoice(tensorboard=TENSORBOARD in names, csv=CSV in names, mlflow=mlflow, own=own)


def server_to_trust(stored: Any, composed: Any) -> str | None:
    """The address of a server that a run folder names, unless the user names the same one; None if all is well.

    Args:
        stored: the loggers as the folder has them.
        composed: those of the command line and the project.
    """
    addresses = [_address(stored), _address(composed), os.environ.get(SERVER_VARIABLE)]
    return addresses[0] if addresses[0] is not None and addresses[0] not in addresses[1:] else None


def server_given(choice: LoggerChoice | None) -> str:
    """What a command line that goes on with a run begins with, so that it names the run's server; "" without one."""
    if choice is None or choice.mlflow is None or choice.mlflow.tracking_uri is None:
        return ""
    return f"{SERVER_VARIABLE}={shlex.quote(choice.mlflow.tracking_uri)} "


def _address(node: Any) -> str | None:
    mlflow = node.get(MLFLOW) if isinstance(node, Mapping) else None
    address = mlflow.get("tracking_uri") if isinstance(mlflow, Mapping) else None
    return None if address is None else str(address)


def _own(name: str, node: Any) -> Target:
    if not _NAME.fullmatch(name):
        raise UserError(f"{LOGGER}.{excerpt(name)}: must be a plain name: letters, digits, '_' and '-'")
    if not isinstance(node, Mapping) or not isinstance(node.get("_target_"), str):
        near = difflib.get_close_matches(name, OURS, n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise UserError(
            f"{LOGGER}.{name}={excerpt(node)}: must be a node that names a logger of your own, {_OWN}{meant}"
        )
    return Target(name=node["_target_"], arguments={str(k): v for k, v in node.items() if k != "_target_"})


def _mlflow(node: Any) -> Mlflow:
    try:
        made = Mlflow.model_validate(dict(node) if isinstance(node, Mapping) else node)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        key = str(wrong["loc"][0]) if wrong["loc"] else ""
        path = f"{LOGGER}.{MLFLOW}.{key}".rstrip(".")
        if key not in _MUST:
            near = difflib.get_close_matches(key, _MUST, n=1)
            meant = f"did you mean {LOGGER}.{MLFLOW}.{near[0]}?" if near else f"{MLFLOW} has {', '.join(_MUST)}"
            raise UserError(f"{path}: there is no such key; {meant}") from None
        if wrong["type"] == "missing":
            raise UserError(f"{path}: is missing; must be {_MUST[key]}") from None
        raise UserError(f"{path}={_shown(wrong['input'])}: must be {_MUST[key]}") from None
    if made.tracking_uri is not None:
        check_server(f"{LOGGER}.{MLFLOW}.tracking_uri", made.tracking_uri)
    return made


def check_server(key: str, address: str) -> None:
    """Refuse what is no address of a server, or has a password in it, which would be stored with the run.

    Raises:
        UserError: it is one of these.
    """
    try:
        parts = urlsplit(address)
        host, password = parts.hostname, parts.password or parts.username
    except ValueError:
        parts, host, password = None, None, None
    if parts is None or parts.scheme not in ("http", "https") or not host:
        raise UserError(
            f"{key}={excerpt(address)}: must be {_MUST['tracking_uri']}; to look at runs without a server of your "
            "own, start one: mlflow server --backend-store-uri sqlite:///mlflow.db"
        )
    if password:
        raise UserError(
            f"{key}: has a user or a password in it, which a run folder would keep; set MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD instead"
        )


def _first_key(node: Any) -> str:
    return excerpt(next(iter(node))) if isinstance(node, Mapping) else excerpt(node)


def _shown(value: Any) -> str:
    return "null" if value is None else excerpt(str(value).lower() if isinstance(value, bool) else value)
