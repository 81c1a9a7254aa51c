"""Cuts of MNIST as IDX files, so that tests need not test on 10,000 pictures."""

import gzip
from importlib import resources
from pathlib import Path


def cut_mnist(folder: Path, *, train: int, test: int) -> Path:
    """Write the first pictures of MNIST as IDX files to a folder; returns the folder."""
    bundled = resources.files("exp.data") / "mnist_idx"
    for part, size in (("train", train), ("t10k", test)):
        for kind, header, item in (("images-idx3", 16, 784), ("labels-idx1", 8, 1)):
            name = f"{part}-{kind}-ubyte"
            content = gzip.decompress((bundled / f"{name}.gz").read_bytes())
            cut = content[:4] + size.to_bytes(4, "big") + content[8:header] + content[header : header + size * item]
            (folder / name).write_bytes(cut)
    return folder
