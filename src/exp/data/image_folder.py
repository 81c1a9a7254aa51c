"""Any pictures that lie in a folder for each class, `{train,valid}/CLASS/FILE`: decoded as they are needed."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from exp.data.dataset import LABELS, Dataset, Skipped, Spec
from exp.data.images.cache import in_memory, on_disk
from exp.data.images.cache_dir import cache_folder
from exp.data.images.decode import file_split
from exp.data.images.look import looks
from exp.data.images.scan import SPLITS, Found, find, find_ahead
from exp.data.images.verify import FileCheck, check_files
from exp.data.split import Contents, Split
from exp.errors import UserError
from exp.terminal.words import counted

ImageSize = Annotated[int, Field(ge=1, le=4096)]
MaxPixels = Annotated[int, Field(ge=1, le=80_000_000)]
MOST_NAMED = 50
"""The largest number of bad files that a message names."""


def load(
    *,
    dir: str,
    classes: list[str] | None,
    image_size: ImageSize,
    on_bad: Literal["stop", "skip"],
    max_pixels: MaxPixels,
    cache: Literal["none", "memory", "disk"],
    cache_dir: str | None,
) -> Dataset:
    """Find and check all pictures of a folder; the arguments are those of `image_dataset`."""
    return image_dataset(
        Path(dir),
        name="image_folder",
        source="directory",
        classes=classes,
        image_size=image_size,
        on_bad=on_bad,
        max_pixels=max_pixels,
        cache=cache,
        cache_dir=cache_dir,
    )


def count_files(folder: Path, classes: list[str] | None) -> int:
    """The number of training files, without TensorFlow.

    Raises:
        UserError: the folder is not one of pictures.
    """
    found = find_ahead(folder, classes)
    return sum(len(found.files[SPLITS[0], name]) for name in found.classes)


def image_dataset(
    folder: Path,
    *,
    name: str,
    source: str,
    classes: list[str] | None,
    image_size: int,
    on_bad: str,
    max_pixels: int,
    cache: str,
    cache_dir: str | None,
) -> Dataset:
    """Find and check all pictures of a folder; they are decoded when batches ask for them.

    Args:
        folder: holds train/CLASS/ and valid/CLASS/.
        name: the name of the data set.
        source: where the folder comes from, for the manifest.
        classes: the class folders to use, in the order of their labels; None takes all, sorted.
        image_size: the width and height that pictures get, in pixels.
        on_bad: `stop` or `skip`: what to do about files that cannot be used.
        max_pixels: a picture with more is such a file.
        cache: `none`, `memory` or `disk`: the place in which decoded pictures are kept.
        cache_dir: the folder for checks of files and decoded pictures; None is the user's cache folder.

    Raises:
        UserError: pictures are missing or bad.
    """
    cache_root = cache_folder(cache_dir)
    found = find(folder, classes)
    checks, skipped = _checked(found, cache_root, on_bad=on_bad, max_pixels=max_pixels)
    splits: dict[str, Split] = {}
    digests: dict[str, str] = {}
    for name_of_split in SPLITS:
        examples = _usable(found, name_of_split, checks)
        split = file_split(
            [path for path, _ in examples],
            np.array([label for _, label in examples], np.int32),
            odd=[checks[path].odd for path, _ in examples],
            image_size=image_size,
        )
        digest = _digest(found.classes, [(label, checks[path]) for path, label in examples])
        decoded = cache_root / "decoded" / f"{digest}-{image_size}.npy"
        digests[name_of_split] = digest
        split = _cached(split, name_of_split, cache, decoded, image_size)
        splits[name_of_split] = replace(split, contents=_contents([path for path, _ in examples], checks))
    return Dataset(
        name=name,
        source=source,
        train=splits[SPLITS[0]],
        test=splits[SPLITS[1]],
        features=Spec((image_size, image_size, 3), "uint8"),
        targets=LABELS,
        class_names=found.classes,
        fingerprint=hashlib.sha256("".join(digests.values()).encode()).hexdigest(),
        skipped=skipped,
        notes=tuple(_notes(found, skipped)),
    )


def _usable(found: Found, split: str, checks: Mapping[Path, FileCheck]) -> list[tuple[Path, int]]:
    """The files of a split that can be used, with their labels."""
    return [
        (path, label)
        for label, name in enumerate(found.classes)
        for path in found.files[split, name]
        if checks[path].problem is None
    ]


def _checked(
    found: Found, cache_root: Path, *, on_bad: str, max_pixels: int
) -> tuple[dict[Path, FileCheck], tuple[Skipped, ...]]:
    """What was found out about every file, and the files that are left out."""
    paths = [path for files in found.files.values() for path in files]
    place = hashlib.sha256(str(found.folder.resolve()).encode()).hexdigest()[:16]
    checks = check_files(paths, kept_in=cache_root / "checked" / f"{place}.json", max_pixels=max_pixels)
    problems = ((str(path), check.problem) for path, check in zip(paths, checks, strict=True))
    bad = (*found.stray, *(Skipped(file, problem) for file, problem in problems if problem is not None))
    if bad and on_bad == "stop":
        lines = [f"{skipped.file}: {skipped.reason}" for skipped in bad[:MOST_NAMED]]
        more = [f"... and {len(bad) - MOST_NAMED} more"] if len(bad) > MOST_NAMED else []
        summary = f"{len(bad)} of {counted(len(paths) + len(found.stray), 'file')} cannot be used"
        remedy = "mend or remove them, or go on without them by data.on_bad=skip"
        raise UserError("\n".join([*lines, *more, f"data.dir={found.folder}: {summary}; {remedy}"]))
    by_path = dict(zip(paths, checks, strict=True))
    for (split, name), files in found.files.items():
        if all(by_path[path].problem for path in files):
            raise UserError(f"{found.folder / split / name}: holds no picture that can be used; see data.on_bad=stop")
    return by_path, bad


def _contents(paths: Sequence[Path], checks: Mapping[Path, FileCheck]) -> Callable[[], Contents]:
    @cache
    def contents() -> Contents:
        return Contents(
            digests=np.array([hash(checks[path].sha256) for path in paths]),
            looks=looks([checks[path].look for path in paths]),
            names=[str(path) for path in paths],
        )

    return contents


def _digest(classes: Sequence[str], examples: Sequence[tuple[int, FileCheck]]) -> str:
    """SHA-256 over the class names, and the label and content of every example in order."""
    lines = [",".join(classes), *(f"{label} {check.sha256}" for label, check in examples)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _cached(split: Split, name: str, cache: str, path: Path, image_size: int) -> Split:
    shape = (image_size, image_size, 3)
    if cache == "disk":
        return on_disk(split, path=path, shape=shape)
    # A test reads each picture once: nothing is won by keeping those in memory.
    return in_memory(split, shape=shape) if cache == "memory" and name == SPLITS[0] else split


def _notes(found: Found, skipped: Sequence[Skipped]) -> list[str]:
    notes = []
    if skipped:
        notes.append(f"skipped {counted(len(skipped), 'file')} that cannot be used; manifest.json names each")
    if found.hidden:
        notes.append(f"passed over {counted(found.hidden, 'hidden file')}")
    return notes
