"""MNIST, or any set in its format: shipped with the package, from TensorFlow Datasets, or from a folder of IDX files.

The IDX format (Y. LeCun): two zero bytes, a type code (8 is uint8), the number of dimensions, each dimension as a
big-endian 32-bit number, then the elements.
"""

import functools
import gzip
import hashlib
import math
import threading
import zlib
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from exp.data.dataset import LABELS, Dataset, Spec, fingerprint_of
from exp.data.split import Contents, array_split
from exp.errors import UserError, excerpt
from exp.system.files import is_folder
from exp.system.signals import left_at_once
from exp.terminal.words import counted

TRAIN = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
TEST = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
SHA256 = {
    TRAIN[0]: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    TRAIN[1]: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    TEST[0]: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    TEST[1]: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""The digest of each bundled file, uncompressed; see mnist_idx/PROVENANCE.md."""

FINGERPRINT = "ceda791d3e53beaf95f8e213c414aa4d975006504eff93f785d685ecea3e892c"
"""`fingerprint_of` the bundled files' arrays, which is known of files with these digests."""

Arrays = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]


def count(*, source: Literal["bundled", "tfds", "idx"], dir: str | None) -> int | None:
    """The number of training examples, as far as a glance can tell, without TensorFlow: None for `tfds`.

    Raises:
        UserError: the data cannot be found.
    """
    if source == "tfds":
        return None
    return len(_read_idx(_folder(source, dir), TRAIN[1], 1, check=False))


def load(*, source: Literal["bundled", "tfds", "idx"], dir: str | None) -> Dataset:
    """Read the whole set into memory: 55 MB for MNIST.

    Args:
        source: `bundled`, `tfds` or `idx`.
        dir: for `tfds` its data folder (None: its own default), for `idx` the folder of the four files, gzipped or
            not.

    Raises:
        UserError: the data cannot be found, or is not what it should be.
    """
    if source == "tfds":
        train, test = _read_tfds(dir)
    elif source == "bundled":
        _folder(source, dir)
        train, test = bundled_arrays("train"), bundled_arrays("test")
    else:
        folder = _folder(source, dir)
        train, test = (_read_pair(folder, pair, check=False) for pair in (TRAIN, TEST))
    if train[0].shape[1:] != test[0].shape[1:]:
        raise UserError(f"data.dir={dir}: training pictures are {train[0].shape[1:]}, test ones {test[0].shape[1:]}")
    classes = int(max(train[1].max(), test[1].max())) + 1
    dataset = Dataset(
        name="mnist",
        source=source,
        train=array_split(*train),
        test=array_split(*test),
        features=Spec(train[0].shape[1:], "uint8"),
        targets=LABELS,
        class_names=tuple(str(label) for label in range(max(classes, 2))),
        fingerprint=FINGERPRINT if source == "bundled" else fingerprint_of(*train, *test),
    )
    return _told_apart(dataset) if source == "bundled" else dataset


def _told_apart(dataset: Dataset) -> Dataset:
    """The bundled set, of which no two pictures are equal: a number tells one from all others, without its content."""
    numbers = np.arange(dataset.train.size + dataset.test.size)
    train, test = Contents(numbers[: dataset.train.size]), Contents(numbers[dataset.train.size :])
    return replace(
        dataset,
        train=replace(dataset.train, contents=lambda: train),
        test=replace(dataset.test, contents=lambda: test),
    )


def bundled_arrays(split: Literal["train", "test"]) -> Arrays:
    """A split of MNIST: (n, 28, 28, 1) uint8 pictures, which cannot be written to, and (n,) int32 labels.

    They are read once in a process, and by the programs that are forked from it not again: a quarter of a second.
    If a thread is reading them, this waits for it.

    Raises:
        UserError: a file is not the one that exp ships.
    """
    with _READING:
        return _bundled(split)


_READING = threading.Lock()


@functools.cache
def _bundled(split: Literal["train", "test"]) -> Arrays:
    pictures, labels = _read_pair(_folder("bundled", None), TRAIN if split == "train" else TEST, check=True)
    labels.flags.writeable = False
    return pictures, labels


def _folder(source: str, dir: str | None) -> Any:
    if source == "bundled":
        if dir is not None:
            raise UserError(
                f"data.dir={excerpt(dir)}: the bundled set needs no folder; add data.source=idx or data.source=tfds"
            )
        return resources.files("exp.data") / "mnist_idx"
    if dir is None or not is_folder(Path(dir)):
        raise UserError(f"data.dir={excerpt(dir)}: must be the folder of the IDX files ({', '.join(TRAIN + TEST)})")
    return Path(dir)


def _read_pair(folder: Any, names: tuple[str, str], *, check: bool) -> Arrays:
    pictures, labels = (
        _read_idx(folder, name, dimensions, check) for name, dimensions in zip(names, (3, 1), strict=True)
    )
    if len(pictures) != len(labels) or not len(labels):
        raise UserError(
            f"{folder}: {names[0]} holds {counted(len(pictures), 'picture')}, {names[1]} holds "
            f"{counted(len(labels), 'label')}"
        )
    return pictures[..., np.newaxis], labels.astype(np.int32)


def _read_idx(folder: Any, name: str, dimensions: int, check: bool) -> npt.NDArray[np.uint8]:
    path = next((p for p in (folder / f"{name}.gz", folder / name) if p.is_file()), None)
    if path is None:
        raise UserError(f"{folder}: has neither {name}.gz nor {name}")
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if path.name.endswith(".gz") else content
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: cannot be read ({error})") from error
    if check and hashlib.sha256(content).hexdigest() != SHA256[name]:
        raise UserError(f"{path}: is not the file that exp ships (SHA-256 differs); install the package again")
    header = 4 + 4 * dimensions
    if content[:4] != bytes([0, 0, 8, dimensions]) or len(content) < header:
        raise UserError(f"{path}: is not an IDX file of bytes with {counted(dimensions, 'dimension')}")
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", dimensions, offset=4))
    if len(content) != header + math.prod(shape):
        raise UserError(f"{path}: should hold {shape} bytes after its header, and holds {len(content) - header}")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _read_tfds(dir: str | None) -> tuple[Arrays, Arrays]:
    import tensorflow_datasets as tfds

    ways_out = "give the folder of a prepared set as data.dir, or take data.source=bundled"
    try:
        with left_at_once():
            train, test = tfds.load("mnist", split=["train", "test"], data_dir=dir, batch_size=-1, as_supervised=True)
    except Exception as error:  # TFDS raises many kinds: no network, no space, a broken record
        line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(f"data.source=tfds: TensorFlow Datasets cannot give mnist ({line}); {ways_out}") from error
    return tuple((pictures.numpy(), labels.numpy().astype(np.int32)) for pictures, labels in (train, test))  # type: ignore[return-value]
