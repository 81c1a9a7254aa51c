"""From files to a split: read, decode, resize, one picture a time on all threads, in the order asked for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from exp.data.split import Labels, Split, as_written


def file_split(paths: Sequence[Path], labels: Labels, *, odd: Sequence[bool], image_size: int) -> Split:
    """A split whose pictures are decoded whenever they are asked for: (image_size, image_size, 3) uint8.

    Args:
        paths: the files.
        labels: (n,) int32.
        odd: for each file whether Pillow has to decode it.
        image_size: the width and height of a picture, in pixels.
    """
    names = [str(path) for path in paths]
    strange = np.array(odd, bool)

    def read(requests: Any, threads: int) -> Any:
        import tensorflow as tf

        with tf.device("CPU:0"):
            known_names, known_labels, known_strange = tf.constant(names), tf.constant(labels), tf.constant(strange)

        def picture(index: Any) -> Any:
            name = known_names[index]
            if not strange.any():
                return _resized(_decoded(name), image_size)
            decoded = tf.cond(known_strange[index], lambda: _decoded_by_pillow(name), lambda: _decoded(name))
            return _resized(decoded, image_size)

        def example(index: Any) -> tuple[Any, Any]:
            nothing = tf.zeros((image_size, image_size, 3), tf.uint8)
            shown = tf.cond(index < 0, lambda: nothing, lambda: picture(index))
            return shown, tf.gather(known_labels, tf.maximum(index, 0))

        shape = requests.element_spec.shape
        dataset = requests
        for _ in shape:
            dataset = dataset.unbatch()
        dataset = dataset.map(as_written(example), num_parallel_calls=threads, deterministic=True)
        for size in reversed(shape):
            dataset = dataset.batch(size, drop_remainder=True)
        return dataset

    return Split(size=len(labels), read=read, targets=labels)


def _decoded(name: Any) -> Any:
    """(height, width, 3) uint8, whatever the format; the first frame of a moving picture, without transparency."""
    import tensorflow as tf

    return tf.io.decode_image(tf.io.read_file(name), channels=3, expand_animations=False)


def _decoded_by_pillow(name: Any) -> Any:
    import tensorflow as tf

    def decode(name: bytes) -> npt.NDArray[np.uint8]:
        from PIL import Image

        with Image.open(name.decode()) as picture:
            return np.asarray(picture.convert("RGB"))

    return tf.ensure_shape(tf.numpy_function(decode, [name], tf.uint8, stateful=False), (None, None, 3))


def _resized(picture: Any, size: int) -> Any:
    """Bilinear, and rounded back to uint8: the same with and without a cache, and a quarter of the bytes."""
    import tensorflow as tf

    return tf.cast(tf.image.resize(picture, (size, size)) + 0.5, tf.uint8)
