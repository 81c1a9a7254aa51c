"""Processes of Python that find no modules in the working directory, which may be a stranger's."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

_VARIABLE, _OURS = "PYTHONSAFEPATH", "exp"
"""Any text has the same effect; this one tells who has set it."""


@contextmanager
def safe_path() -> Iterator[None]:
    """Have a Python that is started meanwhile leave the working directory out of its path, as its option `-P` does.

    `multiprocessing` starts its servers by `python -c`, which would look there first.
    """
    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = before or _OURS
    try:
        yield
    finally:
        forget_safe_path()


def forget_safe_path() -> None:
    """Take the variable back, so that programs which a process starts are not concerned."""
    if os.environ.get(_VARIABLE) == _OURS:
        del os.environ[_VARIABLE]
