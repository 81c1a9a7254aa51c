"""Steps that XLA compiled for a CPU, kept for the next run: half a second of its start, the same code to the last bit.

XLA keeps machine code, and believes whatever lies in its folder: it asks neither for which processor it was made nor
whether it is whole. Both is minded here. A folder belongs to one processor, one build of TensorFlow, one number of
threads and one set of flags; a file counts only with the SHA-256 that was noted when the run that made it had ended.
"""

import contextlib
import functools
import hashlib
import importlib.metadata
import os
import platform
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from exp.system.cache_folder import cache_folder
from exp.system.files import write_atomically
from exp.system.machine import available_cores, has_gpu

VARIABLE = "EXP_COMPILED_STEPS"
"""Switches this off if it is `0`."""
MOST_BYTES = 64 * 2**20
"""All that is kept; the oldest goes first. It is read whole, once a run, to be compared with its SHA-256."""
_FLAGS = "TF_XLA_FLAGS"
_KEPT, _DIGEST = ".pb", ".sha256"
_DECIDING = (_FLAGS, "XLA_FLAGS", "TF_ENABLE_ONEDNN_OPTS")
"""Variables on which the code can depend."""


@contextlib.contextmanager
def compiled_steps_kept(*, threads: int | None) -> Iterator[Callable[[], bool]]:
    """Have XLA use what was compiled before, and note what it compiles meanwhile; TensorFlow has computed nothing yet.

    Args:
        threads: of TensorFlow's pools, for whose number the code is made; None: one a core.

    Yields:
        A function that tells whether all of XLA's code so far was there before.
    """
    given = os.environ.get(_FLAGS)
    folder = None
    if os.environ.get(VARIABLE) != "0" and not has_gpu() and "persistent_cache" not in (given or ""):
        with contextlib.suppress(OSError, importlib.metadata.PackageNotFoundError):
            folder = _folder(threads)
    if folder is None:
        yield lambda: False
        return
    own = f"--tf_xla_persistent_cache_directory={folder} --tf_xla_persistent_cache_read_only=false"
    os.environ[_FLAGS] = f"{given or ''} {own}".strip()
    try:
        yield lambda: not _unproven(folder)
    finally:
        os.environ.pop(_FLAGS)
        if given is not None:
            os.environ[_FLAGS] = given
        with contextlib.suppress(OSError):
            _note(folder)
            _keep_within(folder.parent)


def _folder(threads: int | None) -> Path | None:
    """The folder with what can be trusted; None if somebody else could write there.

    Raises:
        OSError: it cannot be made.
        PackageNotFoundError: TensorFlow's build is not known.
    """
    folder = cache_folder() / "compiled" / _key(threads)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not _is_ours_alone(folder):
        return None
    for path in folder.glob(f"*{_KEPT}"):
        if not _is_proven(path):
            _remove(path)
    return folder


def _note(folder: Path) -> None:
    """Note the SHA-256 of what was compiled."""
    for path in _unproven(folder):
        write_atomically(path.with_suffix(_DIGEST), _digest(path), durable=False)


def _unproven(folder: Path) -> list[Path]:
    return [path for path in folder.glob(f"*{_KEPT}") if not path.with_suffix(_DIGEST).exists()]


def _key(threads: int | None) -> str:
    """What the code of a step depends on besides the step.

    Raises:
        OSError: this system does not tell its processor.
        PackageNotFoundError: TensorFlow's build is not known.
    """
    processor = Path("/proc/cpuinfo").read_text().partition("\n\n")[0]
    lines = [line for line in processor.splitlines() if line.partition("\t")[0] not in _CHANGING]
    facts = [
        platform.machine(),
        str(threads or available_cores()),
        *lines,
        tensorflow_build(),
        *(f"{name}={os.environ.get(name)}" for name in _DECIDING),
    ]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:32]


@functools.cache
def tensorflow_build() -> str:
    """What tells the installed build of TensorFlow from others: the digest of the list of its files and their digests.

    Raises:
        PackageNotFoundError: it is not known.
    """
    record = importlib.metadata.distribution("tensorflow").read_text("RECORD") or ""
    return hashlib.sha256(record.encode()).hexdigest()


_CHANGING = ("processor", "core id", "apicid", "initial apicid", "cpu MHz", "bogomips", "physical id")
"""Lines about a processor that say nothing of what code it runs."""


def _is_ours_alone(folder: Path) -> bool:
    """Whether nobody else can put machine code there."""
    there = folder.stat()
    return there.st_uid == os.geteuid() and not there.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _is_proven(path: Path) -> bool:
    try:
        return path.with_suffix(_DIGEST).read_text() == _digest(path)
    except OSError:
        return False


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _keep_within(folder: Path) -> None:
    kept = sorted(folder.glob(f"*/*{_KEPT}"), key=lambda path: path.stat().st_mtime, reverse=True)
    total = 0
    for path in kept:
        total += path.stat().st_size
        if total > MOST_BYTES:
            _remove(path)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.with_suffix(_DIGEST).unlink(missing_ok=True)
