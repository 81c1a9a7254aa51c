"""Checking pictures before training: every file is decoded, in parallel, once for each version of it.

A header alone does not tell: of JPEGs with three wrong bytes in front, a third has a good header and cannot be decoded.

What a check found is kept with the size and modification time of its file, and looked up there the next time, also
after a check that was cut off.
"""

import hashlib
import io
import json
import logging
import os
import stat
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from exp.data.images.look import look_of
from exp.system.files import write_atomically
from exp.terminal.progress import track

log = logging.getLogger("exp")

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP")
MOST_BYTES = 2**29
"""A file larger than this is no picture that anyone trains with."""
SECONDS_BETWEEN_WRITES = 10.0
"""Seconds between two writes of what was found so far: a check that is killed continues from there."""
KEPT_VERSION = 2
"""The version of the file in which checks are kept; raised when what is checked changes."""


@dataclass(frozen=True)
class FileCheck:
    """What was found out about a file."""

    problem: str | None
    """Why it cannot be used; None if it can."""
    sha256: str = ""
    width: int = 0
    height: int = 0
    odd: bool = False
    """Whether TensorFlow would decode it wrongly, or not at all: Pillow decodes it then."""
    look: str = ""
    """What it looks like, as `exp.data.images.look.look_of` has it; empty if it has one colour."""


def check_files(paths: Sequence[Path], *, kept_in: Path, max_pixels: int) -> list[FileCheck]:
    """What was found out about each file, in order.

    Args:
        paths: the files.
        kept_in: the file where checks are kept; if it cannot be read or written, nothing is kept.
        max_pixels: a picture with more pixels than this has a problem.
    """
    kept = _read_kept(kept_in)
    keys = [_key(path) for path in paths]
    known: list[FileCheck | None] = [_as_check(kept.get(str(path)), key) for path, key in zip(paths, keys, strict=True)]
    missing = [number for number, found in enumerate(known) if found is None]

    def keep() -> None:
        # What could not be read may be readable next time, without any change to the file.
        lasting = [(p, k, v) for p, k, v in zip(paths, keys, known, strict=True) if k and v and v.sha256]
        _write_kept(kept_in, kept | {str(path): [*key, asdict(found)] for path, key, found in lasting})

    last_kept = time.monotonic()
    pool = ThreadPoolExecutor(max_workers=os.cpu_count() or 1)
    checks = {number: pool.submit(examine, paths[number]) for number in missing}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's warnings about odd headers; the check says what counts
            for number, check in track(checks.items(), total=len(checks), what="checking pictures"):
                known[number] = check.result()
                if time.monotonic() - last_kept >= SECONDS_BETWEEN_WRITES:
                    keep()
                    last_kept = time.monotonic()
    finally:
        pool.shutdown(cancel_futures=True)  # files that wait are not examined any more
        for number, check in checks.items():
            if not check.cancelled() and check.exception() is None:
                known[number] = check.result()
        if missing:
            keep()
    return [_capped(found, max_pixels) for found in known if found is not None]


class _UnusableError(Exception):
    """Why a file cannot be used."""


def examine(path: Path) -> FileCheck:
    """Read a file, and say what is wrong with it.

    What Pillow calls dangerously large, after a look at its header, is not decoded.
    """
    digest = ""
    try:
        content = _content(path)
        digest = hashlib.sha256(content).hexdigest()
        width, height, odd = _examined(content)
        look = _look(content)
    except _UnusableError as reason:
        return FileCheck(str(reason), digest)
    return FileCheck(None, digest, width, height, odd, look)


def _content(path: Path) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise _UnusableError("is a folder" if stat.S_ISDIR(status.st_mode) else "is not a file")
        if status.st_size > MOST_BYTES:
            raise _UnusableError(f"is too large: {status.st_size / 1e6:.0f} MB")
        content = path.read_bytes()
    except OSError as error:
        raise _UnusableError(f"cannot be read ({error.strerror})") from error
    if not content:
        raise _UnusableError("is empty (0 bytes)")
    return content


def _examined(content: bytes) -> tuple[int, int, bool]:
    """Width, height, and whether TensorFlow would decode it wrongly."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content)) as picture:
            # TensorFlow 2.21 shows the palette's indices of a BMP as grey, and refuses a moving WebP.
            odd = picture.format == "BMP" or (picture.format == "WEBP" and getattr(picture, "n_frames", 1) > 1)
            _require_whole(picture, content, odd=odd)
            return picture.width, picture.height, odd
    except Image.DecompressionBombError as error:
        raise _UnusableError("is too large: Pillow takes it for a decompression bomb") from error
    except UnidentifiedImageError as error:
        raise _UnusableError(f"is not a picture ({_listed(FORMATS)})") from error
    except _UnusableError:
        raise
    except Exception as error:  # a damaged file can raise anything, even SyntaxError
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise _UnusableError(f"is cut off or damaged ({reason})") from error


def _look(content: bytes) -> str:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as picture:
            return look_of(picture)
    except Exception:  # what Pillow cannot show this small is compared by its bytes alone
        return ""


def _require_whole(picture: Any, content: bytes, *, odd: bool) -> None:
    """Decode as training will, and what is not a JPEG by Pillow too: TensorFlow takes half a GIF for a whole one."""
    import tensorflow as tf
    from PIL import Image

    # An MPO is several JPEGs in one file, as some cameras write them; decoders take the first.
    if picture.format not in (*FORMATS, "MPO"):
        raise _UnusableError(f"is in the format {picture.format}; it should be {_listed(FORMATS)}")
    if picture.width * picture.height > (Image.MAX_IMAGE_PIXELS or 0):
        return  # more than data.max_pixels can be
    if picture.format not in ("JPEG", "MPO"):
        picture.load()
    if not odd:
        try:
            with tf.device("CPU:0"):
                tf.io.decode_image(content, channels=3, expand_animations=False)
        except tf.errors.InvalidArgumentError as error:
            raise _UnusableError("is cut off or damaged") from error


def _capped(found: FileCheck, max_pixels: int) -> FileCheck:
    if found.width * found.height <= max_pixels:
        return found
    return FileCheck(f"has {found.width}x{found.height} pixels, more than data.max_pixels={max_pixels}", found.sha256)


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


def _key(path: Path) -> tuple[int, int] | None:
    """Size in bytes and modification time in nanoseconds; None if even that cannot be read."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _as_check(kept: Any, key: tuple[int, int] | None) -> FileCheck | None:
    try:
        size, changed, fields = kept
        return FileCheck(**fields) if (size, changed) == key else None
    except (TypeError, ValueError):
        return None


def _read_kept(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        kept = content["files"] if content["version"] == KEPT_VERSION else {}
        return kept if isinstance(kept, dict) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _write_kept(path: Path, files: dict[str, Any]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps({"version": KEPT_VERSION, "files": files}), durable=False)
    except OSError as error:
        log.warning("%s: cannot be written (%s); every file is checked again the next time", path, error.strerror)
