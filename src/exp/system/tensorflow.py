"""Imports TensorFlow and Keras with the environment that they need, and redirects their native messages."""

import faulthandler
import functools
import gc
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from exp.errors import UserError
from exp.system.streams import Lasting

BACKEND = "tensorflow"
"""Keras's backend."""
NOISE_VARIABLE = "TF_CPP_MIN_LOG_LEVEL"
"""Whoever sets this asks for TensorFlow's native messages, and gets them on stderr."""


@contextmanager
def native_messages_to(log_file: Path) -> Iterator[None]:
    """Send what native code writes to stderr to a file instead; Python's own stderr stays where it was.

    TensorFlow writes notes about CUDA, oneDNN and XLA straight to file descriptor 2, some of them before any setting
    can silence them. A native crash still shows its Python stack on the real stderr.
    """
    if NOISE_VARIABLE in os.environ:
        yield
        return
    sys.stderr.flush()
    python_stderr, real = sys.stderr, os.dup(2)
    goes_there = _descriptor(python_stderr) == 2
    with (
        os.fdopen(real, "w", buffering=1, errors="replace") as stream,
        log_file.open("ab", buffering=0) as target,
    ):
        lasting = Lasting(stream)
        os.dup2(target.fileno(), 2)
        if goes_there:
            sys.stderr = lasting
        faulthandler.enable(file=stream)
        try:
            yield
        finally:
            faulthandler.disable()
            lasting.flush()
            os.dup2(real, 2)
            sys.stderr = python_stderr


def _descriptor(stream: IO[str]) -> int | None:
    """The file descriptor that a stream writes to; None if it has none."""
    try:
        return stream.fileno()
    except (OSError, ValueError, AttributeError):
        return None


@contextmanager
def _without(*packages: str) -> Iterator[None]:
    """Let imports of packages fail for a while; what asks for them afterwards gets them.

    Keras imports Matplotlib if it can, for a third of its own time, and does without it. Likewise it imports pandas, to
    train on its frames, and TensorFlow's own, former Keras imports `scipy.sparse`: 0.3 s for what nothing here uses.
    """
    finder = _Refusing(packages)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Refusing:
    """Takes the place of what finds packages, and their modules, and finds nothing."""

    def __init__(self, packages: Sequence[str]) -> None:
        self._packages = packages

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Refuse the packages; leave all others to the next finder."""
        if any(name == package or name.startswith(f"{package}.") for package in self._packages):
            raise ModuleNotFoundError(f"{name} is not imported meanwhile", name=name)


@contextmanager
def no_garbage() -> Iterator[None]:
    """Look for no garbage while modules are imported, nor afterwards among what they are made of.

    Python looks after every 700 new objects, and an import makes a million that stay: a fifth of its time. Keras has
    garbage collected for each model, which takes a tenth of a second if all modules are looked through.
    """
    if "tensorflow" in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
    gc.freeze()


def check_backend() -> None:
    """Refuse an environment that chooses another backend for Keras; imports nothing.

    Raises:
        UserError: it does.
    """
    backend = os.environ.get("KERAS_BACKEND", BACKEND)
    if backend != BACKEND:
        raise UserError(f"KERAS_BACKEND={backend}: exp runs on TensorFlow; unset the variable")


def import_tensorflow() -> None:
    """Import TensorFlow and Keras, with their Python logging sent to ours.

    Raises:
        UserError: the environment chooses another backend for Keras.
    """
    check_backend()
    os.environ["KERAS_BACKEND"] = BACKEND
    with _without("matplotlib", "pandas", "scipy.sparse"), no_garbage():
        import absl.logging
        import keras  # noqa: F401
        import tensorflow as tf

    # Both libraries put handlers of their own on stderr; ours writes run.log.
    absl.logging.get_absl_handler().python_handler.stream = _nowhere()
    logger = tf.get_logger()
    logger.handlers.clear()
    logger.propagate = True
    logger.setLevel(logging.WARNING)


@functools.cache
def _nowhere() -> IO[str]:
    """One stream for the whole process that discards what is written to it."""
    return open(os.devnull, "w")  # noqa: PTH123
