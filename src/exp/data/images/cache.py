"""`data.cache`: decoded pictures, kept as uint8 in memory or on disk, so that each is decoded once."""

import functools
import logging
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from exp.data.dataset import Part, array_part
from exp.data.images.cache_dir import made_once
from exp.errors import UserError
from exp.terminal.progress import track
from exp.terminal.words import counted

log = logging.getLogger("exp")

CHUNK = 64
"""Pictures decoded between two signs of progress."""


def in_memory(part: Part, *, shape: tuple[int, ...]) -> Part:
    """The part with its pictures in memory, decoded when they are first asked for: a test alone needs none of them.

    Raises:
        UserError: they need more memory than is free.
    """
    needed, free = part.size * int(np.prod(shape)), _free_memory()
    if free is not None and needed > free:
        raise UserError(
            f"data.cache=memory: {counted(part.size, 'picture needs', 'pictures need')} {needed / 1e9:.1f} GB, and "
            f"{free / 1e9:.1f} GB are free; "
            "take data.cache=disk, data.cache=none, or a smaller data.image_size"
        )

    @functools.cache
    def filled() -> Part:
        pictures = np.empty((part.size, *shape), np.uint8)
        _fill(pictures, part)
        return array_part(pictures, part.labels, copied=False)

    return Part(labels=part.labels, read=lambda requests, threads: filled().read(requests, threads))


def on_disk(part: Part, *, path: Path, shape: tuple[int, ...]) -> Part:
    """The part with its pictures in a NumPy file, which is made if it is not there, and read through a memory map.

    Args:
        part: what to keep.
        path: the file; its name must tell all that its content depends on.
        shape: of a picture.
    """

    def make(place: Path) -> None:
        pictures = np.lib.format.open_memmap(place, "w+", np.uint8, (part.size, *shape))
        _fill(pictures, part)
        pictures.flush()

    pictures = np.load(made_once(path, make), mmap_mode="r")
    assert pictures.shape == (part.size, *shape), f"{path}: holds {pictures.shape}"
    log.info("decoded pictures are read from %s", path)
    return array_part(pictures, part.labels, copied=False)


def _fill(pictures: npt.NDArray[np.uint8], part: Part) -> None:
    import tensorflow as tf

    starts = range(0, part.size, CHUNK)
    padded = np.full(len(starts) * CHUNK, -1, np.int64)
    padded[: part.size] = np.arange(part.size)
    requests = tf.data.Dataset.from_tensor_slices(padded.reshape(-1, CHUNK))
    chunks = part.read(requests, tf.data.AUTOTUNE).prefetch(1)
    for start, (decoded, _) in track(zip(starts, chunks, strict=True), total=len(starts), what="decoding pictures"):
        rows = pictures[start : start + CHUNK]
        rows[:] = decoded.numpy()[: len(rows)]


def _free_memory() -> int | None:
    """Bytes that can be used without swapping; None where the system does not tell."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return None
