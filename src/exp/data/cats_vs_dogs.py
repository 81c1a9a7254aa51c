"""Photographs of cats and dogs, or any pictures in a folder for each class: decoded as they are needed."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from exp.data.dataset import Part, Skipped, Splits
from exp.data.images import synthetic
from exp.data.images.cache import in_memory, on_disk
from exp.data.images.cache_dir import cache_folder, made_once
from exp.data.images.decode import file_part
from exp.data.images.scan import SPLITS, Found, find, find_ahead
from exp.data.images.tfds import unpack
from exp.data.images.verify import Verdict, check
from exp.errors import UserError
from exp.terminal.words import counted

Source = Literal["auto", "directory", "tfds", "synthetic"]
ImageSize = Annotated[int, Field(ge=1, le=4096)]
MaxPixels = Annotated[int, Field(ge=1, le=80_000_000)]
MOST_NAMED = 50
"""Bad files that a message names."""


def count(
    *, source: Source, dir: str | None, classes: list[str] | None, cache_dir: str | None, **_: object
) -> int | None:
    """The number of training files, as far as a glance can tell, without TensorFlow: None where that takes work.

    Raises:
        UserError: the folder is not one of pictures.
    """
    chosen = _source(source, dir)
    if chosen == "directory":
        found = find_ahead(Path(str(dir)), classes)
        return sum(len(found.files[SPLITS[0], name]) for name in found.classes)
    return len(synthetic.CLASSES) * synthetic.SIZES[SPLITS[0]] if chosen == "synthetic" and classes is None else None


def load(
    *,
    source: Source,
    dir: str | None,
    classes: list[str] | None,
    image_size: ImageSize,
    on_bad: Literal["stop", "skip"],
    max_pixels: MaxPixels,
    cache: Literal["none", "memory", "disk"],
    cache_dir: str | None,
) -> Splits:
    """Find and check all pictures; they are decoded when batches ask for them.

    Args:
        source: `directory`, `tfds`, `synthetic`, or `auto`: `directory` where there is a `dir`, else `tfds`.
        dir: for `directory` the folder with train/CLASS/ and valid/CLASS/; for `tfds` its data folder.
        classes: the class folders to use, in the order of their labels; None takes all, sorted.
        image_size: pictures become so many pixels wide and high.
        on_bad: what to do about files that cannot be used.
        max_pixels: a picture with more is such a file.
        cache: where decoded pictures are kept.
        cache_dir: the folder for verdicts, drawn, unpacked and decoded pictures; None is the user's cache folder.

    Raises:
        UserError: pictures are missing or bad.
    """
    chosen, store = _source(source, dir), cache_folder(cache_dir)
    found = find(folder_of(source, dir, store), classes)
    verdicts, skipped = _checked(found, store, on_bad=on_bad, max_pixels=max_pixels)
    parts: dict[str, Part] = {}
    digests: dict[str, str] = {}
    for split in SPLITS:
        good = [
            (path, label, verdicts[path])
            for label, name in enumerate(found.classes)
            for path in found.files[split, name]
            if verdicts[path].problem is None
        ]
        labels = np.array([label for _, label, _ in good], np.int32)
        part = file_part(
            [path for path, _, _ in good], labels, odd=[verdict.odd for _, _, verdict in good], image_size=image_size
        )
        digests[split] = _digest(found.classes, [(label, verdict) for _, label, verdict in good])
        parts[split] = _cached(part, split, cache, store / "decoded" / f"{digests[split]}-{image_size}.npy", image_size)
    return Splits(
        name="cats_vs_dogs",
        source=chosen,
        train=parts[SPLITS[0]],
        test=parts[SPLITS[1]],
        input_shape=(image_size, image_size, 3),
        pixel_type="uint8",
        class_names=found.classes,
        fingerprint=hashlib.sha256("".join(digests.values()).encode()).hexdigest(),
        skipped=skipped,
        notes=tuple(_notes(found, verdicts, skipped)),
    )


def _source(source: Source, dir: str | None) -> str:
    if source == "directory" and dir is None:
        raise UserError("data.source=directory: needs data.dir, the folder of the pictures")
    if source == "synthetic" and dir is not None:
        raise UserError(f"data.dir={dir}: the drawn pictures lie in data.cache_dir; leave it out, or data.source")
    if source == "auto":
        return "directory" if dir is not None else "tfds"
    return source


def folder_of(source: Source, dir: str | None, store: Path) -> Path:
    """The folder with the files of a source, which are unpacked or drawn where they are not there yet.

    Raises:
        UserError: the source cannot give any.
    """
    chosen = _source(source, dir)
    if chosen == "directory":
        return Path(str(dir))
    if chosen == "tfds":
        return unpack(dir, store)
    return made_once(store / f"drawn-{synthetic.VERSION}", synthetic.draw_all)


def _checked(
    found: Found, store: Path, *, on_bad: str, max_pixels: int
) -> tuple[dict[Path, Verdict], tuple[Skipped, ...]]:
    """The verdict on every file, and the files that are left out."""
    paths = [path for files in found.files.values() for path in files]
    place = hashlib.sha256(str(found.folder.resolve()).encode()).hexdigest()[:16]
    verdicts = check(paths, kept_in=store / "checked" / f"{place}.json", max_pixels=max_pixels)
    problems = ((str(path), verdict.problem) for path, verdict in zip(paths, verdicts, strict=True))
    bad = (*found.stray, *(Skipped(file, problem) for file, problem in problems if problem is not None))
    if bad and on_bad == "stop":
        lines = [f"{skipped.file}: {skipped.reason}" for skipped in bad[:MOST_NAMED]]
        more = [f"... and {len(bad) - MOST_NAMED} more"] if len(bad) > MOST_NAMED else []
        summary = f"{len(bad)} of {counted(len(paths) + len(found.stray), 'file')} cannot be used"
        remedy = "mend or remove them, or go on without them by data.on_bad=skip"
        raise UserError("\n".join([*lines, *more, f"data.dir={found.folder}: {summary}; {remedy}"]))
    by_path = dict(zip(paths, verdicts, strict=True))
    for (split, name), files in found.files.items():
        if all(by_path[path].problem for path in files):
            raise UserError(f"{found.folder / split / name}: holds no picture that can be used; see data.on_bad=stop")
    return by_path, bad


def _digest(classes: Sequence[str], examples: Sequence[tuple[int, Verdict]]) -> str:
    """SHA-256 over the class names, and the label and content of every example in order."""
    lines = [",".join(classes), *(f"{label} {verdict.sha256}" for label, verdict in examples)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _cached(part: Part, split: str, cache: str, path: Path, image_size: int) -> Part:
    shape = (image_size, image_size, 3)
    if cache == "disk":
        return on_disk(part, path=path, shape=shape)
    # A test reads each picture once: nothing is won by keeping those in memory.
    return in_memory(part, shape=shape) if cache == "memory" and split == SPLITS[0] else part


def _notes(found: Found, verdicts: dict[Path, Verdict], skipped: Sequence[Skipped]) -> list[str]:
    notes = []
    if skipped:
        notes.append(f"skipped {counted(len(skipped), 'file')} that cannot be used; manifest.json names each")
    if found.hidden:
        notes.append(f"passed over {counted(found.hidden, 'hidden file')}")
    contents = {
        split: {verdicts[path].sha256 for name in found.classes for path in found.files[split, name]}
        for split in SPLITS
    }
    both = len((contents[SPLITS[0]] & contents[SPLITS[1]]) - {""})
    if both:
        in_both, them = counted(both, "picture is", "pictures are"), "it" if both == 1 else "them"
        notes.append(f"{in_both} in {SPLITS[0]} and in {SPLITS[1]}: the test has seen {them} in training")
    return notes
