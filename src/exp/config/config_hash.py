"""The hash of a configuration, by which two runs are known to have the same one."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from exp.config.choices import without_loggers


def config_hash(config: Mapping[str, Any]) -> str:
    """SHA-256 of a configuration as canonical JSON; where a run logs is no part of it."""
    text = json.dumps(without_loggers(config), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
