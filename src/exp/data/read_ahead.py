"""Reads bundled data before it is asked for: in a thread while TensorFlow is imported, or once for all jobs of a sweep.

Only what exp ships is read like this: it needs nobody's code and no folder, and its digests prove what it is.
"""

import contextlib
import threading
from typing import Any

from exp.errors import UserError


def is_bundled(data: Any) -> bool:
    """Whether a configuration's `data` asks for the set that exp ships.

    Args:
        data: a mapping with `_target_` and `source`; anything else asks for none.
    """
    try:
        return bool(data.get("_target_") == "exp.data.mnist.load" and data.get("source") == "bundled")
    except AttributeError:
        return False


def read_ahead(data: Any) -> None:
    """Begin to read the data of a run in a thread; `exp.data.mnist` waits for it.

    Args:
        data: the configuration's `data`, as for `is_bundled`.
    """
    if is_bundled(data):
        import numpy  # noqa: F401  # by this thread, before both want it

        threading.Thread(target=_read, name="read ahead", daemon=True).start()


def read_bundled() -> None:
    """Read what exp ships now.

    Raises:
        UserError: a file is not the one that exp ships.
    """
    from exp.data.mnist import bundled_arrays

    bundled_arrays("train")
    bundled_arrays("test")


def _read() -> None:
    with contextlib.suppress(UserError):  # whoever asks for it is told
        read_bundled()
