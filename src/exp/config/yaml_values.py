"""Values as YAML and the command line have them."""

from typing import Any


def yaml_text(value: Any) -> str:
    """Write a value as YAML and the command line have it."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
