"""`data=arrays data.file=F.npz`: NumPy arrays in a file, as `numpy.savez` writes them."""

import math
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from exp.data.dataset import Dataset
from exp.data.in_memory import arrays
from exp.errors import UserError, excerpt

SPLITS = ("train", "validation", "test")
NAMES = tuple(f"{kind}_{split}" for split in SPLITS for kind in ("x", "y", "w"))
_LOCAL_HEADER = 30
"""Bytes of a zip file's header of a member, before the member's name."""


def load(*, file: str | None) -> Dataset:
    """Read x_train, y_train, x_test and y_test; without the y, a model learns to give its features back.

    w_train and w_test, if they are there, are weights of examples or of their positions. x_validation and so on, if
    they are there, are the validation split.

    Several features are x_train.NAME and x_test.NAME for each NAME, and are given to the model as a dict. Arrays that
    are not compressed are mapped from the file, and not read into memory.

    Args:
        file: the path of a `.npz` file.

    Raises:
        UserError: the file cannot be read, or something in it is not as it must be.
    """
    where = f"data.file={excerpt(file)}"
    if file is None:
        raise UserError("data.file=null: must be the path of a .npz file with x_train, y_train, x_test and y_test")
    try:
        members = dict(_members(Path(file)))
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, KeyError) as error:
        raise UserError(f"{where}: cannot be read as a .npz file ({error})") from error
    unknown = [name for name in members if name.partition(".")[0] not in NAMES]
    if unknown:
        raise UserError(f"{where}: has {unknown[0]}; known are {', '.join(NAMES)}, each perhaps followed by .NAME")
    parts = {name: _part(members, name) for name in NAMES}
    splits = [split for split in SPLITS if split != "validation" or _has(parts, split)]
    for kind in ("x", "y", "w"):
        missing = [f"{kind}_{split}" for split in splits if parts[f"{kind}_{split}"] is None]
        if missing and (kind == "x" or len(missing) < len(splits)):
            raise UserError(f"{where}: has no {missing[0]}")
    if parts["w_train"] is not None and parts["y_train"] is None:
        raise UserError(f"{where}: has w_train, and weights go with targets (y_train)")
    given = {split: _given(*(parts[f"{kind}_{split}"] for kind in ("x", "y", "w"))) for split in splits}
    try:
        return arrays(**given, name=Path(file).stem, source="npz")
    except UserError as error:
        raise UserError(f"{where}: {error}") from error


def count(*, file: str | None) -> int | None:
    """The number of training examples, without TensorFlow; None if the file is left to `load` to refuse."""
    try:
        with zipfile.ZipFile(Path(file or "")) as archive:
            for member in archive.infolist():
                if member.filename.removesuffix(".npy").partition(".")[0] == "x_train":
                    with archive.open(member) as stream:
                        return _header(stream)[0][0]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, IndexError):
        pass
    return None


def _has(parts: Mapping[str, Any], split: str) -> bool:
    return any(parts[f"{kind}_{split}"] is not None for kind in ("x", "y", "w"))


def _given(features: Any, targets: Any, weights: Any) -> Any:
    """A split as `arrays` takes it."""
    if targets is None:
        return features
    return (features, targets) if weights is None else (features, targets, weights)


def _part(members: dict[str, npt.NDArray[Any]], name: str) -> Any:
    """The array of a name, a dict of those below it, or None."""
    below = {key.partition(".")[2]: array for key, array in members.items() if key.startswith(f"{name}.")}
    return below or members.get(name)


def _members(path: Path) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """The arrays of a file, by name. No pickle is read: an array of objects is a ValueError."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            if member.compress_type != zipfile.ZIP_STORED:
                with archive.open(member) as stream:
                    yield name, npy.read_array(stream, allow_pickle=False)
            else:
                yield name, _mapped(path, member)


def _mapped(path: Path, member: zipfile.ZipInfo) -> npt.NDArray[Any]:
    with path.open("rb") as file:
        file.seek(member.header_offset + _LOCAL_HEADER - 4)
        name, extra = (int.from_bytes(file.read(2), "little") for _ in range(2))
        file.seek(name + extra, 1)
        shape, fortran, dtype = _header(file)
        if dtype.hasobject:
            raise ValueError(f"{member.filename} holds Python objects")
        offset = file.tell()
    if not math.prod(shape):
        return np.empty(shape, dtype)
    mapped: npt.NDArray[Any] = np.memmap(
        path, dtype=dtype, mode="r", offset=offset, shape=shape, order="F" if fortran else "C"
    )
    return mapped


def _header(stream: Any) -> tuple[tuple[int, ...], bool, Any]:
    """The shape of an array in a file, whether its columns come first, and its type; the values follow."""
    read = npy.read_array_header_1_0 if npy.read_magic(stream) == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = read(stream)
    return shape, fortran, dtype
