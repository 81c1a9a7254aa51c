"""Reads bundled data before it is asked for: in a thread, while TensorFlow is imported.

Only what exp ships is read like this: it needs nobody's code and no folder, and its digests prove what it is.
"""

import contextlib
import threading
from typing import Any

from exp.errors import UserError

_readers: list[threading.Thread] = []


def is_bundled(data: Any) -> bool:
    """Whether a configuration's `data` asks for the set that exp ships.

    Args:
        data: a mapping with `_target_` and `source`; anything else asks for none.
    """
    try:
        return bool(data.get("_target_") == "exp.data.mnist.load" and data.get("source") == "bundled")
    except AttributeError:
        return False


def begin_to_read() -> None:
    """Begin to read in a thread; `exp.data.mnist` waits for it."""
    from exp.data.mnist import bundled_arrays  # by this thread, before both want it

    def read() -> None:
        with contextlib.suppress(UserError):  # whoever asks for the data is told
            bundled_arrays("train")
            bundled_arrays("test")

    _readers.append(threading.Thread(target=read, name="read ahead", daemon=True))
    _readers[-1].start()


def wait_for_data() -> None:
    """Wait until no thread reads."""
    for reader in _readers:
        reader.join()
