"""TensorFlow Datasets' `cats_vs_dogs`, unpacked once into the files and folders that every other source has.

Its records cannot be read by index, and it has a single split. A tenth of each class becomes the validation split: the
examples whose names have the smallest SHA-256, so that the split depends on nothing else.
"""

import hashlib
import os
import socket
from pathlib import Path
from typing import Any
from urllib.request import getproxies

from exp.data.images.cache_dir import made_once
from exp.errors import UserError
from exp.system.signals import left_at_once
from exp.terminal.progress import track

NAME = "cats_vs_dogs"
VALID_SHARE = 10
"""One example in ten is for validation."""
HOST = "download.microsoft.com"
"""Where TensorFlow Datasets 4.9 loads the pictures from. It retries for minutes if there is no network."""
WAYS_OUT = "give a folder of pictures with data.dir=FOLDER, or have some drawn with data.source=synthetic"


def unpack(data_dir: str | None, cache: Path) -> Path:
    """The folder of the unpacked pictures; if need be, TFDS downloads and prepares them first.

    Args:
        data_dir: TFDS's data folder; None is its own default.
        cache: the folder to unpack them in.

    Raises:
        UserError: TFDS cannot give the set.
    """
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(NAME, data_dir=data_dir)
        if not builder.info.splits:
            _require_network()
            with left_at_once():
                builder.download_and_prepare()
        where = hashlib.sha256(str(Path(builder.data_path).resolve()).encode()).hexdigest()[:8]
        target = cache / f"{NAME}-{builder.version}-{builder.info.splits['train'].num_examples}-{where}"
        return made_once(target, lambda folder: _write(builder, folder))
    except UserError:
        raise
    except Exception as error:  # TFDS raises many kinds: no network, no space, a broken record
        line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(f"data.source=tfds: TensorFlow Datasets cannot give {NAME} ({line}); {WAYS_OUT}") from error


def _require_network() -> None:
    if getproxies():
        return
    try:
        socket.create_connection((HOST, 443), timeout=10).close()
    except OSError as error:
        raise UserError(
            f"data.source=tfds: {NAME} is not prepared, and {HOST} cannot be reached ({error.strerror or error}); "
            f"{WAYS_OUT}"
        ) from error


def _write(builder: Any, folder: Path) -> None:
    import tensorflow_datasets as tfds

    names = builder.info.features["label"].names
    records = builder.as_dataset(split="train", decoders={"image": tfds.decode.SkipDecoding()})
    by_class: dict[str, list[Path]] = {name: [] for name in names}
    for split in ("train", "valid"):
        for name in names:
            (folder / split / name).mkdir(parents=True)
    total = builder.info.splits["train"].num_examples
    for record in track(records.as_numpy_iterator(), total=total, what=f"unpacking {NAME}"):
        name = names[record["label"]]
        path = folder / "train" / name / record["image/filename"].decode().replace("\\", "/").rpartition("/")[2]
        path.write_bytes(record["image"])
        by_class[name].append(path)
    for paths in by_class.values():
        ranked = sorted(paths, key=lambda path: hashlib.sha256(f"{path.parent.name}/{path.name}".encode()).digest())
        for path in ranked[: len(paths) // VALID_SHARE]:
            os.rename(path, folder / "valid" / path.parent.name / path.name)  # noqa: PTH104
