"""One file of each odd kind that can be used, and one of each bad kind."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from exp.data.images.synthetic import draw

PICTURE = draw("cats", np.random.default_rng(5)).resize((90, 60))


def encoded(picture: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def sixteen_bit() -> Image.Image:
    return Image.fromarray(np.asarray(PICTURE.convert("L")).astype(np.uint16) * 257)


def moving(kind: str) -> bytes:
    return encoded(PICTURE, kind, save_all=True, append_images=[PICTURE.rotate(90)])


GOOD: dict[str, Callable[[], bytes]] = {
    "plain.jpg": lambda: encoded(PICTURE, "JPEG"),
    "progressive.jpg": lambda: encoded(PICTURE, "JPEG", progressive=True),
    "grey.jpg": lambda: encoded(PICTURE.convert("L"), "JPEG"),
    "cmyk.jpg": lambda: encoded(PICTURE.convert("CMYK"), "JPEG"),
    "jpeg-called.png": lambda: encoded(PICTURE, "JPEG"),
    "no-extension": lambda: encoded(PICTURE, "PNG"),
    "rgb.png": lambda: encoded(PICTURE, "PNG"),
    "rgba.png": lambda: encoded(PICTURE.convert("RGBA"), "PNG"),
    "grey-alpha.png": lambda: encoded(PICTURE.convert("LA"), "PNG"),
    "palette.png": lambda: encoded(PICTURE.convert("P"), "PNG"),
    "one-bit.png": lambda: encoded(PICTURE.convert("1"), "PNG"),
    "sixteen-bit.png": lambda: encoded(sixteen_bit(), "PNG"),
    "png-called.jpg": lambda: encoded(PICTURE, "PNG"),
    "plain.gif": lambda: encoded(PICTURE, "GIF"),
    "moving.gif": lambda: moving("GIF"),
    "plain.bmp": lambda: encoded(PICTURE, "BMP"),
    "palette.bmp": lambda: encoded(PICTURE.convert("P"), "BMP"),
    "one-bit.bmp": lambda: encoded(PICTURE.convert("1"), "BMP"),
    "plain.webp": lambda: encoded(PICTURE, "WEBP", lossless=True),
    "rgba.webp": lambda: encoded(PICTURE.convert("RGBA"), "WEBP", lossless=True),
    "moving.webp": lambda: moving("WEBP"),
}

BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing.jpg": (lambda: b"", "is empty (0 bytes)"),
    "text.jpg": (lambda: b"these are not the pixels you are looking for\n" * 9, "is not a picture"),
    "html.png": (lambda: b"<html><body>404</body></html>", "is not a picture"),
    "cut.jpg": (lambda: encoded(PICTURE, "JPEG")[:-400], "is cut off"),
    "cut-in-header.jpg": (lambda: encoded(PICTURE, "JPEG")[:150], "is cut off"),
    "cut.png": (lambda: encoded(PICTURE, "PNG")[:-400], "is cut off"),
    "cut.gif": (lambda: encoded(PICTURE, "GIF")[:-400], "is cut off"),
    "cut.bmp": (lambda: encoded(PICTURE, "BMP")[:-400], "is cut off"),
    "cut.webp": (lambda: encoded(PICTURE, "WEBP")[:-400], "is"),
    "flipped-bits.png": (lambda: spoiled(encoded(PICTURE, "PNG")), "is cut off or damaged"),
    "picture.tiff": (lambda: encoded(PICTURE, "TIFF"), "is in the format TIFF"),
    "large.png": (
        lambda: encoded(Image.new("L", (2000, 1500)), "PNG"),
        "has 2000x1500 pixels, more than data.max_pixels=",
    ),
}
"""With the beginning of the reason; `large.png` where max_pixels is below 3 million."""


def spoiled(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes(b ^ 0xFF for b in content[middle : middle + 50]) + content[middle + 50 :]


def write(folder: Path, files: dict[str, Callable[[], bytes]]) -> list[Path]:
    """Write files into a folder that is made; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content())
    return [folder / name for name in files]
