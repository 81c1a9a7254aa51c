"""Values as JSON can have them."""

import math
from typing import Any


def plain(value: Any) -> Any:
    """A value for JSON; what a configuration can have besides, such as an infinity or a key that is a number, text."""
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return str(value)
