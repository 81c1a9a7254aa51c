"""Labelled grids of pictures, drawn with Pillow pixel by pixel."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
"""(height, width, 3) uint8."""

COLUMNS = 16
SIDE = 96
CAPTION = 16
TITLE = 26
GAP = 4
INK, RIGHT, WRONG = (30, 30, 30), (0, 110, 40), (190, 20, 30)


@dataclass(frozen=True)
class ImageRow:
    """Some pictures under a title; those that do not fit beside each other continue below.

    `pictures` is (n, height, width, 1 or 3), uint8 or floats in any range, which is stretched to black and white.
    """

    title: str
    pictures: npt.NDArray[Any]
    captions: Sequence[str]
    colours: Sequence[tuple[int, int, int]] = field(default=())


def draw_image_grid(rows: Sequence[ImageRow], *, columns: int = COLUMNS, side: int = SIDE) -> Image:
    """One picture that shows all rows, each example `side` pixels wide and high."""
    from PIL import Image as Pillow
    from PIL import ImageDraw, ImageFont

    cell = side + CAPTION + GAP
    lines = [max(1, -(-len(row.pictures) // columns)) for row in rows]
    across = min(columns, max((len(row.pictures) for row in rows), default=1))
    height = sum(TITLE + count * cell for count in lines) + GAP
    canvas = Pillow.new("RGB", (max(across, 4) * (side + GAP) + GAP, height), "white")
    pen = ImageDraw.Draw(canvas)
    title_font, caption_font = ImageFont.load_default(size=15), ImageFont.load_default(size=11)
    top = 0
    for row, count in zip(rows, lines, strict=True):
        pen.text((GAP, top + 5), row.title, fill=INK, font=title_font)
        for number, picture in enumerate(_bytes(row.pictures)):
            down, right = divmod(number, columns)
            x, y = GAP + right * (side + GAP), top + TITLE + down * cell
            canvas.paste(_thumbnail(picture, side), (x, y))
            colour = row.colours[number] if row.colours else INK
            pen.text(
                (x, y + side + 1), _fitting(row.captions[number], caption_font, side), fill=colour, font=caption_font
            )
        top += TITLE + count * cell
    return np.asarray(canvas)


def _bytes(pictures: npt.NDArray[Any]) -> Image:
    """uint8 pictures; floats are stretched, together, so that the darkest is black and the lightest white."""
    if pictures.dtype == np.uint8 or not pictures.size:
        return pictures.astype(np.uint8)
    low, high = float(pictures.min()), float(pictures.max())
    return ((pictures - low) * (255 / max(high - low, 1e-9))).round().astype(np.uint8)


def _thumbnail(picture: Image, side: int) -> Any:
    from PIL import Image as Pillow

    shown = Pillow.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).convert("RGB")
    scale = side / max(shown.size)
    size = (max(1, round(shown.width * scale)), max(1, round(shown.height * scale)))
    return shown.resize(size, Pillow.Resampling.NEAREST if scale > 1 else Pillow.Resampling.BILINEAR)


def _fitting(text: str, font: Any, width: int) -> str:
    """The text, cut so that it does not run into its neighbour."""
    cut = text
    while len(text) > 1 and font.getlength(cut) > width:
        text = text[:-1]
        cut = f"{text}…"
    return cut
