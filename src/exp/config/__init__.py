"""The configuration: its schema, and the one way to get from Hydra's YAML to frozen, checked objects."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exp.config.parsing import parse
    from exp.config.schema import (
        AllDevices,
        Checkpoint,
        Config,
        Data,
        Device,
        Exec,
        SubsetOfDevices,
        Summary,
        Train,
        VirtualDevices,
        WorkersDevices,
    )
    from exp.config.targets import Target
    from exp.config.yaml_values import yaml_text

__all__ = [
    "AllDevices",
    "Checkpoint",
    "Config",
    "Data",
    "Device",
    "Exec",
    "SubsetOfDevices",
    "Summary",
    "Target",
    "Train",
    "VirtualDevices",
    "WorkersDevices",
    "parse",
    "yaml_text",
]


def __getattr__(name: str) -> Any:
    """Import what is used when it is used: the help page and most messages need no pydantic, which takes a while."""
    if name not in __all__:
        raise AttributeError(f"module 'exp.config' has no attribute {name!r}")
    place = {"parse": "parsing", "Target": "targets", "yaml_text": "yaml_values"}.get(name, "schema")
    return getattr(importlib.import_module(f"exp.config.{place}"), name)
