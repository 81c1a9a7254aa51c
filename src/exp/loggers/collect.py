"""`exp.summary`: what a model or a layer logs besides the loss, in every execution mode::

    from exp import summary

    class Block(keras.layers.Layer):
        def call(self, inputs):
            summary.scalar("MyScalar", tf.reduce_mean(inputs))
            return inputs

They are taken at every `summary.figures`-th training step and appear in TensorBoard under their names; scalars also in
metrics.jsonl. Outside of such a step, and of a run, the functions do nothing. TensorFlow is imported when they work.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from exp.errors import UserError

__all__ = ["audio", "histogram", "image", "scalar", "text"]

Found = dict[str, Any]
"""Tensors by `kind/name`, or `audio/RATE/name`."""

SHOWN = 3
"""Number of pictures or sounds of a batch that are kept."""
TAKEN = frozenset({"step", "loss", "epoch", "train/loss", "train/batches"})
"""Names of what every run logs, and a model cannot take; nor what begins with `test/`."""

_collecting = threading.local()  # each replica of a strategy runs in a thread of its own


def scalar(name: str, value: Any) -> None:
    """A number of any real type; with several replicas, the mean over their examples.

    Args:
        name: a tag of TensorBoard; slashes make groups.
        value: a scalar tensor or number: of a batch, a mean.
    """
    if _wanted():
        import tensorflow as tf

        _keep("scalar", name, tf.cast(value, tf.float32), rank=0, shape="()")


def image(name: str, pictures: Any) -> None:
    """The first three of (n, height, width, 1 or 3) pictures: uint8, or floats from 0 to 1.

    With several replicas, those of the first one.
    """
    if _wanted():
        import tensorflow as tf

        pictures = tf.convert_to_tensor(pictures)
        if pictures.dtype != tf.uint8:
            pictures = tf.cast(tf.clip_by_value(tf.cast(pictures, tf.float32), 0, 1) * 255 + 0.5, tf.uint8)
        _keep("image", name, pictures[:SHOWN], rank=4, shape="(n, height, width, channels)")


def audio(name: str, waves: Any, *, sample_rate: int) -> None:
    """The first three of (n, samples, channels) sounds: floats from -1 to 1, `sample_rate` samples a second.

    With several replicas, those of the first one.
    """
    if _wanted():
        import tensorflow as tf

        waves = tf.cast(waves, tf.float32)[:SHOWN]
        _keep("audio", f"{int(sample_rate)}/{name}", waves, rank=3, shape="(n, samples, channels)")


def histogram(name: str, values: Any) -> None:
    """The distribution of real values of any shape; with several replicas, that of the first one."""
    if _wanted():
        import tensorflow as tf

        _keep("histogram", name, tf.reshape(tf.cast(values, tf.float32), [-1]), rank=1, shape="any")


def text(name: str, words: Any) -> None:
    """A string, or a scalar string tensor, which TensorBoard reads as Markdown.

    With several replicas, that of the first one.
    """
    if _wanted():
        import tensorflow as tf

        _keep("text", name, tf.convert_to_tensor(words, tf.string), rank=0, shape="()")


@contextmanager
def collected() -> Iterator[Found]:
    """Collect what is logged inside, in this thread.

    Raises:
        UserError: on leaving, if a tensor cannot be used outside of the graph where it was made.
    """
    before = getattr(_collecting, "found", None)
    found: Found = {}
    _collecting.found = found
    try:
        yield found
    finally:
        _collecting.found = before
    for key, value in found.items():
        _check_place(key, value)


def kind_of(key: str) -> str:
    """The kind that a key of `Found` begins with: `scalar`, `image`, `audio`, `histogram` or `text`."""
    return key.partition("/")[0]


def is_taken(tag: str) -> bool:
    """Whether a name cannot be given to a figure of one's own, because every run has it, or it is none."""
    return tag in TAKEN or not tag or tag.startswith("test/")


def _wanted() -> bool:
    return getattr(_collecting, "found", None) is not None


def _keep(kind: str, name: str, value: Any, *, rank: int, shape: str) -> None:
    found = _collecting.found
    key, tag = f"{kind}/{name}", name.partition("/")[2] if kind == "audio" else name
    if is_taken(tag):
        raise UserError(f"summary.{kind}({tag!r}): is the name of another figure of every run; take one of your own")
    if key in found:
        raise UserError(f"summary.{kind}({tag!r}): is logged twice in one step; give each figure a name of its own")
    if value.shape.rank not in (rank, None):
        raise UserError(f"summary.{kind}({tag!r}): has the shape {tuple(value.shape)}; must be {shape}")
    found[key] = value


def _check_place(key: str, value: Any) -> None:
    import tensorflow as tf

    if not tf.executing_eagerly() and getattr(value, "graph", None) is not tf.compat.v1.get_default_graph():
        kind, _, name = key.partition("/")
        raise UserError(
            f"summary.{kind}({name!r}): is made inside a tf.cond, a loop or another tf.function; "
            "log it outside of that, from where it can be taken out"
        )
