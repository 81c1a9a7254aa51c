"""`data.transforms`: pictures are changed batch by batch, between reading and training.

Nothing here holds a random state: the random numbers of an example come from `exp.data.random_draws`, so that a resumed
run sees the same pictures, whatever the order and the number of threads.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from exp.config.transform_schema import Flip, Normalize, RandomCrop, RandomFlip, Rot90, Transform
from exp.data.dataset import Spec, Specs
from exp.errors import UserError

Shape = tuple[int, ...]


@dataclass(frozen=True)
class ImageStep:
    """One transform, made for the pictures that it gets.

    `train` takes (n, height, width, channels) pictures and (n, draws) float64 numbers in 0..1; `test` takes pictures.
    """

    shape: Shape
    """The shape of a picture afterwards."""
    train: Callable[[Any, Any], Any]
    test: Callable[[Any], Any]
    draws: int = 0
    """How many random numbers it needs for each picture."""
    dtype: str | None = None
    """The type of pixels afterwards; None if it stays the same."""


class ImageTransforms:
    """The transforms of a run, one after the other; if there are none, features of any kind stay as they are."""

    def __init__(self, wanted: Sequence[Transform], *, features: Specs) -> None:
        """Make the transforms for pictures of this shape and type ("uint8", or "float32" in 0..1).

        Raises:
            UserError: a transform cannot be applied to such features.
        """
        self.features = features
        """What a model gets of an example: the specs after all transforms."""
        self._steps: list[ImageStep] = []
        for number, transform in enumerate(wanted):
            if not isinstance(self.features, Spec) or len(self.features.shape) != 3:
                raise UserError("data.transforms: are for pictures of shape (height, width, channels) only")
            step = _step(f"data.transforms[{number}]", transform, self.features.shape)
            self._steps.append(step)
            self.features = Spec(step.shape, step.dtype or self.features.dtype)
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


def _flat(apply: Callable[[Any], Any], pictures: Any) -> Any:
    """Apply to the pictures as one row of them; one of the sizes before a picture's own may be unknown."""
    import tensorflow as tf

    leading = [-1 if size is None else size for size in pictures.shape[:-3]]
    done = apply(tf.reshape(pictures, (-1, *pictures.shape[-3:])))
    return tf.reshape(done, (*leading, *done.shape[1:]))


def _step(path: str, transform: Transform, shape: Shape) -> ImageStep:
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


def _rot90(transform: Rot90, shape: Shape) -> ImageStep:
    height, width, channels = shape

    def apply(pictures: Any) -> Any:
        import tensorflow as tf

        return tf.image.rot90(pictures, transform.turns)

    turned = shape if transform.turns == 2 else (width, height, channels)
    return ImageStep(turned, lambda pictures, _: apply(pictures), apply)


def _mirrored(pictures: Any, direction: str) -> Any:
    import tensorflow as tf

    return tf.reverse(pictures, axis=[2 if direction == "left_right" else 1])


def _flip(transform: Flip, shape: Shape) -> ImageStep:
    def apply(pictures: Any) -> Any:
        return _mirrored(pictures, transform.direction)

    return ImageStep(shape, lambda pictures, _: apply(pictures), apply)


def _random_flip(transform: RandomFlip, shape: Shape) -> ImageStep:
    def train(pictures: Any, draws: Any) -> Any:
        import tensorflow as tf

        chosen = tf.reshape(draws < 0.5, (-1, 1, 1, 1))
        return tf.where(chosen, _mirrored(pictures, transform.direction), pictures)

    return ImageStep(shape, train, lambda pictures: pictures, draws=1)


def _random_crop(path: str, transform: RandomCrop, shape: Shape) -> ImageStep:
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

    return ImageStep((size, size, channels), train, test, draws=2)


def _normalize(path: str, transform: Normalize, shape: Shape) -> ImageStep:
    channels = shape[-1]
    for name, value in (("mean", transform.mean), ("std", transform.std)):
        if isinstance(value, list) and len(value) != channels:
            raise UserError(f"{path}.{name}={value}: must be one number, or {channels}, one for each channel")

    def apply(pictures: Any) -> Any:
        import tensorflow as tf

        return (tf.image.convert_image_dtype(pictures, tf.float32) - transform.mean) / transform.std

    return ImageStep(shape, lambda pictures, _: apply(pictures), apply, dtype="float32")
