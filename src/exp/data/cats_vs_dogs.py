"""Photographs of cats and dogs, or any pictures in a folder for each class: from a folder, from TFDS, or drawn."""

from pathlib import Path
from typing import Literal

from exp.data.dataset import Dataset
from exp.data.image_folder import ImageSize, MaxPixels, count_files, image_dataset
from exp.data.images import synthetic
from exp.data.images.cache_dir import cache_folder, made_once
from exp.data.images.scan import SPLITS
from exp.data.images.tfds import unpack
from exp.errors import UserError

Source = Literal["auto", "directory", "tfds", "synthetic"]


def count(
    *, source: Source, dir: str | None, classes: list[str] | None, cache_dir: str | None, **_: object
) -> int | None:
    """The number of training files, as far as a glance can tell, without TensorFlow: None if that takes work.

    Raises:
        UserError: the folder is not one of pictures.
    """
    chosen = _source(source, dir)
    if chosen == "directory":
        return count_files(Path(str(dir)), classes)
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
) -> Dataset:
    """Find and check all pictures; they are decoded when batches ask for them.

    Args:
        source: `directory`, `tfds`, `synthetic`, or `auto`: `directory` if there is a `dir`, else `tfds`.
        dir: for `directory` the folder with train/CLASS/ and valid/CLASS/; for `tfds` its data folder.
        classes: the class folders to use, in the order of their labels; None takes all, sorted.
        image_size: the width and height that pictures get, in pixels.
        on_bad: what to do about files that cannot be used.
        max_pixels: a picture with more is such a file.
        cache: the place in which decoded pictures are kept.
        cache_dir: the folder for checks of files, drawn, unpacked and decoded pictures; None: the user's cache folder.

    Raises:
        UserError: pictures are missing or bad.
    """
    return image_dataset(
        folder_of(source, dir, cache_folder(cache_dir)),
        name="cats_vs_dogs",
        source=_source(source, dir),
        classes=classes,
        image_size=image_size,
        on_bad=on_bad,
        max_pixels=max_pixels,
        cache=cache,
        cache_dir=cache_dir,
    )


def folder_of(source: Source, dir: str | None, cache: Path) -> Path:
    """The folder with the files of a source, which are unpacked or drawn if they are not there yet.

    Raises:
        UserError: the source cannot give any.
    """
    chosen = _source(source, dir)
    if chosen == "directory":
        return Path(str(dir))
    if chosen == "tfds":
        return unpack(dir, cache)
    return made_once(cache / f"drawn-{synthetic.VERSION}", synthetic.draw_all)


def _source(source: Source, dir: str | None) -> str:
    if source == "directory" and dir is None:
        raise UserError("data.source=directory: needs data.dir, the folder of the pictures")
    if source == "synthetic" and dir is not None:
        raise UserError(f"data.dir={dir}: the drawn pictures lie in data.cache_dir; leave it out, or data.source")
    if source == "auto":
        return "directory" if dir is not None else "tfds"
    return source
