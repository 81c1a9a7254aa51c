"""Folders of pictures for tests, drawn on the spot."""

from pathlib import Path

import numpy as np

from exp.data.images.synthetic import draw


def picture_folder(folder: Path, *, train: int, valid: int, classes: tuple[str, str] = ("cats", "dogs")) -> Path:
    """So many drawn JPEGs for each of two classes."""
    for part, (split, count) in enumerate((("train", train), ("valid", valid))):
        for number, (name, kind) in enumerate(zip(classes, ("cats", "dogs"), strict=True)):
            (folder / split / name).mkdir(parents=True)
            for index in range(count):
                random = np.random.default_rng([part, number, index])
                draw(kind, random).save(folder / split / name / f"{index:04}.jpg", quality=85)
    return folder
