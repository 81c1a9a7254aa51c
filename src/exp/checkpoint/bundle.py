"""Writing and reading the files of `tf.train.Checkpoint`, from and to plain arrays.

Because the values are arrays, saving needs neither the variables nor a session, and can happen in another thread.
"""

import contextlib
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

from exp.checkpoint.variables import VALUE_SUFFIX, is_variable, tracked_objects

_PATTERN = re.compile(r"[*?\[\]{}\\]")
GRAPH_KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"


def object_graph(roots: Mapping[str, Any]) -> bytes:
    """The objects and their names, by which `tf.train.Checkpoint(**roots).restore` finds the values."""
    objects = list(tracked_objects(tf.train.Checkpoint(**roots)))
    numbers = {id(owner): number for number, (_, owner) in enumerate(objects)}
    graph = TrackableObjectGraph()
    for path, owner in objects:
        node = graph.nodes.add()
        if is_variable(owner):
            key = f"{path}{VALUE_SUFFIX}"
            node.attributes.add(name="VARIABLE_VALUE", full_name=str(owner.name), checkpoint_key=key)
        for name, child in tf.train.TrackableView.children(owner).items():
            node.children.add(node_id=numbers[id(child)], local_name=name)
    return bytes(graph.SerializeToString())


def write(prefix: Path, values: Mapping[str, Any], graph: bytes) -> list[Path]:
    """Write `prefix.index` and `prefix.data-00000-of-00001`; returns their paths.

    Values are arrays or tensors; those in the processor's memory are not copied.

    Raises:
        tf.errors.OpError: the files cannot be written.
    """
    keys = [*values, GRAPH_KEY]
    with tf.device("CPU:0"):
        tensors = [*(tf.convert_to_tensor(value) for value in values.values()), tf.constant(graph)]
        tf.raw_ops.SaveV2(prefix=str(prefix), tensor_names=keys, shape_and_slices=[""] * len(keys), tensors=tensors)
    return files_of(prefix)


def read(prefix: Path, keys: Iterable[str]) -> dict[str, npt.NDArray[Any]]:
    """The values that have these names in the file."""
    with opened(prefix) as reader:
        return {key: reader.get_tensor(key) for key in keys}


@contextlib.contextmanager
def opened(prefix: Path) -> Iterator[Any]:
    """TensorFlow's reader of the files of a prefix.

    TensorFlow writes to the name it is given, but reads it as a pattern (2.21): files in a folder such as `run [1]` are
    reached by links with a plain name.
    """
    if not _PATTERN.search(str(prefix)):
        yield tf.train.load_checkpoint(str(prefix))
        return
    with tempfile.TemporaryDirectory() as folder:
        for path in files_of(prefix):
            (Path(folder) / f"linked{path.name.removeprefix(prefix.name)}").symlink_to(path.absolute())
        yield tf.train.load_checkpoint(str(Path(folder) / "linked"))


def files_of(prefix: Path) -> list[Path]:
    """The files with the values of a prefix that exist: first the data, then the index."""
    folder = prefix.parent
    found = [p for p in folder.iterdir() if p.name.startswith(f"{prefix.name}.")] if folder.is_dir() else []
    data = sorted(path for path in found if path.name.startswith(f"{prefix.name}.data-"))
    return [*data, *(path for path in found if path.name == f"{prefix.name}.index")]
