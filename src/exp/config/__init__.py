"""The configuration: its schema, and the one way to get from Hydra's YAML to frozen, checked objects."""

from exp.config.error_messages import yaml_text
from exp.config.parse import parse
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
