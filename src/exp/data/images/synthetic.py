"""Cats and dogs drawn on the spot: real JPEG files for machines that have neither photographs nor a network.

A cat has a round head, pointed ears and whiskers; a dog a long head, hanging ears and a tongue. Colours, place, size,
tilt and background are random and the same for both, so that only the shapes tell them apart.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from exp.data.images.scan import SPLITS
from exp.terminal.progress import track

CLASSES = ("cats", "dogs")
SIZES = {"train": 400, "valid": 100}
"""Pictures of each class."""
VERSION = 1
"""The version of the drawings; raised when they change."""


def draw_all(folder: Path) -> None:
    """Write `{train,valid}/{cats,dogs}/NAME.jpg`: about 10 MB."""
    wanted = [(split, name, number) for split in SPLITS for name in CLASSES for number in range(SIZES[split])]
    for split in SPLITS:
        for name in CLASSES:
            (folder / split / name).mkdir(parents=True)
    for split, name, number in track(wanted, total=len(wanted), what="drawing cats and dogs"):
        random = np.random.Generator(np.random.Philox([SPLITS.index(split), CLASSES.index(name), number]))
        picture = draw(name, random)
        picture.save(folder / split / name / f"{name[:-1]}.{number}.jpg", quality=85)


def draw(name: str, random: np.random.Generator) -> Any:
    """One Pillow picture, 200 to 320 pixels wide and high."""
    from PIL import Image, ImageDraw

    width, height = (int(size) for size in random.integers(200, 321, 2))
    top, bottom = random.integers(60, 200, (2, 1, 1, 3))
    shade = np.linspace(0, 1, height)[:, np.newaxis, np.newaxis]
    background = top * (1 - shade) + bottom * shade + random.normal(0, 8, (height, width, 3))
    picture = Image.fromarray(background.clip(0, 255).astype(np.uint8))
    side = int(min(width, height) * random.uniform(0.75, 1.0))
    fur = tuple(int(value) for value in random.integers(40, 230, 3))
    head = Image.new("RGBA", (200, 200))
    _HEADS[name](ImageDraw.Draw(head), fur, tuple(value * 2 // 3 for value in fur))
    head = head.rotate(random.uniform(-12, 12), Image.Resampling.BILINEAR).resize((side, side))
    place = (int(random.integers(0, width - side + 1)), int(random.integers(0, height - side + 1)))
    picture.paste(head, place, head)
    return picture


Colour = tuple[int, ...]


def _cat(pen: Any, fur: Colour, shadow: Colour) -> None:
    for ear, inner in (
        ([(30, 85), (42, 8), (95, 50)], [(44, 68), (48, 28), (78, 52)]),
        ([(170, 85), (158, 8), (105, 50)], [(156, 68), (152, 28), (122, 52)]),
    ):
        pen.polygon(ear, fill=fur)
        pen.polygon(inner, fill=shadow)
    pen.ellipse([28, 40, 172, 178], fill=fur)
    for left in (58, 112):
        pen.ellipse([left, 82, left + 30, 108], fill=(210, 225, 120))
        pen.ellipse([left + 12, 82, left + 18, 108], fill=(0, 0, 0))
    pen.polygon([(90, 122), (110, 122), (100, 134)], fill=(225, 130, 140))
    for y in (-10, 0, 10):
        pen.line([(84, 134 + y // 3), (22, 134 + y)], fill=(245, 245, 245), width=2)
        pen.line([(116, 134 + y // 3), (178, 134 + y)], fill=(245, 245, 245), width=2)


def _dog(pen: Any, fur: Colour, shadow: Colour) -> None:
    pen.ellipse([55, 22, 145, 140], fill=fur)
    pen.ellipse([66, 84, 134, 184], fill=fur)
    pen.ellipse([24, 30, 68, 142], fill=shadow)
    pen.ellipse([132, 30, 176, 142], fill=shadow)
    for left in (76, 108):
        pen.ellipse([left, 68, left + 17, 85], fill=(40, 25, 15))
        pen.ellipse([left + 5, 71, left + 10, 76], fill=(255, 255, 255))
    pen.rounded_rectangle([88, 152, 112, 194], radius=10, fill=(225, 90, 110))
    pen.ellipse([82, 112, 118, 138], fill=(15, 15, 15))
    pen.line([(100, 138), (100, 154)], fill=(15, 15, 15), width=3)


_HEADS: dict[str, Callable[[Any, Colour, Colour], None]] = {"cats": _cat, "dogs": _dog}
