"""`data.transforms`: pictures changed batch by batch, between reading and training.

Nothing here holds a random state: the random numbers of an example are a pure function of (seed, epoch, index), so that
a resumed run sees the same pictures, whatever the order and the number of threads.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from exp.config.transform_schema import Flip, Normalize, RandomCrop, RandomFlip, Rot90, Transform
from exp.errors import UserError

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Step:
    """A transform that knows the pictures it gets.

    `train` takes (n, height, width, channels) pictures and (n, draws) float64 numbers in 0..1; `test` takes pictures.
    """

    shape: Shape
    """Of a picture afterwards."""
    train: Callable[[Any, Any], Any]
    test: Callable[[Any], Any]
    draws: int = 0
    pixel_type: str | None = None
    """Where it changes."""


class Transforms:
    """The transforms of a run, one after the other."""

    def __init__(self, wanted: Sequence[Transform], *, input_shape: Shape, pixel_type: str) -> None:
        """Make them for pictures of this shape and type ("uint8", or "float32" in 0..1).

        Raises:
            UserError: a transform cannot be applied to such pictures.
        """
        self.input_shape, self.pixel_type = input_shape, pixel_type
        self._steps: list[Step] = []
        for number, transform in enumerate(wanted):
            step = _step(f"data.transforms[{number}]", transform, self.input_shape)
            self._steps.append(step)
            self.input_shape, self.pixel_type = step.shape, step.pixel_type or self.pixel_type
        self.draws = sum(step.draws for step in self._steps)

    def __bool__(self) -> bool:
        return bool(self._steps)

    def train(self, pictures: Any, draws: Any) -> Any:
        """Apply all to (..., height, width, channels) pictures, with (..., draws) numbers."""
        import tensorflow as tf

        draws = tf.reshape(draws, (math.prod(pictures.shape[:-3]), self.draws))

        def apply(flat: Any) -> Any:
            first = 0
            for step in self._steps:
                flat = step.train(flat, draws[:, first : first + step.draws])
                first += step.draws
            return flat

        return _flat(apply, pictures)

    def test(self, pictures: Any) -> Any:
        """Apply what is not random, and the centre of a random crop."""

        def apply(flat: Any) -> Any:
            for step in self._steps:
                flat = step.test(flat)
            return flat

        return _flat(apply, pictures)


def uniform(*, seed: int, epoch: npt.NDArray[np.int64], index: npt.NDArray[np.int64], draws: int) -> Any:
    """Random numbers for examples: (*index.shape, draws) float64 in 0..1, without 1.

    A hash of (seed, epoch, index, number of the draw), mixed by the finaliser of SplitMix64 (Steele, Lea and Flood,
    OOPSLA 2014): the upper 53 bits of each word.
    """
    words = _mix(np.full_like(index, seed, dtype=np.uint64))
    for part in (epoch, index):
        words = _mix(words + part.astype(np.uint64))
    numbers: npt.NDArray[np.uint64] = np.arange(draws).astype(np.uint64)
    words = _mix(words[..., np.newaxis] + numbers)
    return (words >> np.uint64(11)) * 2.0**-53


def _mix(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    words = words + np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def _flat(apply: Callable[[Any], Any], pictures: Any) -> Any:
    """Apply to the pictures as one row of them; one of the sizes before a picture's own may be unknown."""
    import tensorflow as tf

    leading = [-1 if size is None else size for size in pictures.shape[:-3]]
    done = apply(tf.reshape(pictures, (-1, *pictures.shape[-3:])))
    return tf.reshape(done, (*leading, *done.shape[1:]))


def _step(path: str, transform: Transform, shape: Shape) -> Step:
    if isinstance(transform, Rot90):
        return _rot90(transform, shape)
    if isinstance(transform, Flip):
        return _flip(transform, shape)
    if isinstance(transform, RandomFlip):
        return _random_flip(transform, shape)
    if isinstance(transform, RandomCrop):
        return _random_crop(path, transform, shape)
    assert isinstance(transform, Normalize)
    return _normalize(path, transform, shape)


def _rot90(transform: Rot90, shape: Shape) -> Step:
    height, width, channels = shape

    def apply(pictures: Any) -> Any:
        import tensorflow as tf

        return tf.image.rot90(pictures, transform.turns)

    turned = shape if transform.turns == 2 else (width, height, channels)
    return Step(turned, lambda pictures, _: apply(pictures), apply)


def _mirrored(pictures: Any, direction: str) -> Any:
    import tensorflow as tf

    return tf.reverse(pictures, axis=[2 if direction == "left_right" else 1])


def _flip(transform: Flip, shape: Shape) -> Step:
    def apply(pictures: Any) -> Any:
        return _mirrored(pictures, transform.direction)

    return Step(shape, lambda pictures, _: apply(pictures), apply)


def _random_flip(transform: RandomFlip, shape: Shape) -> Step:
    def train(pictures: Any, draws: Any) -> Any:
        import tensorflow as tf

        chosen = tf.reshape(draws < 0.5, (-1, 1, 1, 1))
        return tf.where(chosen, _mirrored(pictures, transform.direction), pictures)

    return Step(shape, train, lambda pictures: pictures, draws=1)


def _random_crop(path: str, transform: RandomCrop, shape: Shape) -> Step:
    height, width, channels = shape
    size = transform.size
    if size > min(height, width):
        raise UserError(f"{path}.size={size}: must be at most {min(height, width)}, for pictures of {height}x{width}")

    def train(pictures: Any, draws: Any) -> Any:
        import tensorflow as tf

        corners = tf.cast(draws * [height - size + 1, width - size + 1], tf.int32)
        window = tf.range(size)
        cut = tf.gather(pictures, corners[:, :1] + window, axis=1, batch_dims=1)
        return tf.gather(cut, corners[:, 1:] + window, axis=2, batch_dims=1)

    def test(pictures: Any) -> Any:
        top, left = (height - size) // 2, (width - size) // 2
        return pictures[:, top : top + size, left : left + size]

    return Step((size, size, channels), train, test, draws=2)


def _normalize(path: str, transform: Normalize, shape: Shape) -> Step:
    channels = shape[-1]
    for name, value in (("mean", transform.mean), ("std", transform.std)):
        if isinstance(value, list) and len(value) != channels:
            raise UserError(f"{path}.{name}={value}: must be one number, or {channels}, one for each channel")

    def apply(pictures: Any) -> Any:
        import tensorflow as tf

        return (tf.image.convert_image_dtype(pictures, tf.float32) - transform.mean) / transform.std

    return Step(shape, lambda pictures, _: apply(pictures), apply, pixel_type="float32")


def pixel_bytes(transforms: Transforms) -> int:
    """The size of a picture that training gets, in bytes."""
    return math.prod(transforms.input_shape) * (1 if transforms.pixel_type == "uint8" else 4)
