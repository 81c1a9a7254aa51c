"""`data.cache`: decoded pictures, kept as uint8 in memory or on disk, so that each is decoded once."""

import functools
import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from exp.data.images.cache_dir import made_once
from exp.data.split import Split, array_split
from exp.errors import UserError
from exp.terminal.progress import track
from exp.terminal.words import counted

log = logging.getLogger("exp")

CHUNK = 64
"""Pictures decoded between two signs of progress."""


def in_memory(split: Split, *, shape: tuple[int, ...]) -> Split:
    """The split with its pictures in memory, decoded when they are first asked for: a test alone needs none of them.

    Raises:
        UserError: they need more memory than is free.
    """
    needed, free = split.size * int(np.prod(shape)), _free_memory()
    if free is not None and needed > free:
        raise UserError(
            f"data.cache=memory: {counted(split.size, 'picture needs', 'pictures need')} {needed / 1e9:.1f} GB, and "
            f"{free / 1e9:.1f} GB are free; "
            "take data.cache=disk, data.cache=none, or a smaller data.image_size"
        )

    @functools.cache
    def filled() -> Split:
        pictures = np.empty((split.size, *shape), np.uint8)
        _fill(pictures, split)
        return array_split(pictures, _targets(split), copied=False)

    return replace(split, read=lambda requests, threads: filled().read(requests, threads))


def on_disk(split: Split, *, path: Path, shape: tuple[int, ...]) -> Split:
    """The split with its pictures in a NumPy file, which is made if it is not there, and read through a memory map.

    Args:
        split: whose pictures are kept; its targets are known.
        path: the file; its name must tell all that its content depends on.
        shape: the shape of a picture.
    """

    def make(place: Path) -> None:
        pictures = np.lib.format.open_memmap(place, "w+", np.uint8, (split.size, *shape))
        _fill(pictures, split)
        pictures.flush()

    pictures = np.load(made_once(path, make), mmap_mode="r")
    assert pictures.shape == (split.size, *shape), f"{path}: holds {pictures.shape}"
    log.info("decoded pictures are read from %s", path)
    return array_split(pictures, _targets(split), copied=False)


def _targets(split: Split) -> npt.NDArray[Any]:
    assert split.targets is not None, "the labels of files are known from their folders"
    return split.targets


def _fill(pictures: npt.NDArray[np.uint8], split: Split) -> None:
    import tensorflow as tf

    starts = range(0, split.size, CHUNK)
    padded = np.full(len(starts) * CHUNK, -1, np.int64)
    padded[: split.size] = np.arange(split.size)
    requests = tf.data.Dataset.from_tensor_slices(padded.reshape(-1, CHUNK))
    chunks = split.read(requests, tf.data.AUTOTUNE).prefetch(1)
    for start, (decoded, _) in track(zip(starts, chunks, strict=True), total=len(starts), what="decoding pictures"):
        rows = pictures[start : start + CHUNK]
        rows[:] = decoded.numpy()[: len(rows)]


def _free_memory() -> int | None:
    """Bytes that can be used without swapping; None if the system does not tell."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return None
