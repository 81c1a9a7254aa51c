"""What TensorBoard gets of a figure: a `Summary.Value` for each kind. Imports TensorFlow."""

from typing import Any

import numpy as np
import tensorflow as tf
from tensorboard.plugins.histogram.summary_v2 import histogram_pb
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorflow.core.framework.summary_pb2 import Summary

BUCKETS = 30
"""Of a histogram; TensorBoard's own default."""


def values_of(key: str, value: Any) -> list[Any]:
    """The values of an event for one of `exp.summary`, by its key and array; pictures and sounds are one each."""
    kind, _, tag = key.partition("/")
    if kind == "scalar":
        return [Summary.Value(tag=tag, simple_value=float(value.item()))]
    if kind == "image":
        return [Summary.Value(tag=one, image=picture_of(picture)) for one, picture in _numbered(tag, value)]
    if kind == "audio":
        rate, _, tag = tag.partition("/")
        return [Summary.Value(tag=one, audio=_sound_of(wave, int(rate))) for one, wave in _numbered(tag, value)]
    if kind == "histogram":
        return histogram_values(tag, value)
    words = value.item()
    return _ours(text_pb(tag, [words.decode() if isinstance(words, bytes) else str(words)]))


def histogram_values(tag: str, value: Any) -> list[Any]:
    """The distribution of an array's finite values; nothing where there is none."""
    finite = np.asarray(value)[np.isfinite(value)]
    return _ours(histogram_pb(tag, finite, buckets=BUCKETS)) if finite.size else []


def picture_of(picture: Any) -> Any:
    """A (height, width, 1 or 3) uint8 picture."""
    height, width, channels = picture.shape
    image = Summary.Image(height=height, width=width, colorspace=channels)
    image.encoded_image_string = tf.io.encode_png(picture).numpy()
    return image


def _sound_of(wave: Any, rate: int) -> Any:
    """A (samples, channels) float32 sound, from -1 to 1."""
    samples, channels = wave.shape
    audio = Summary.Audio(sample_rate=rate, num_channels=channels, length_frames=samples, content_type="audio/wav")
    audio.encoded_audio_string = tf.audio.encode_wav(wave, rate).numpy()
    return audio


def _ours(summary: Any) -> list[Any]:
    """The values of a summary that TensorBoard's copy of the messages made, as TensorFlow's."""
    return [*Summary.FromString(summary.SerializeToString()).value]


def _numbered(tag: str, values: Any) -> list[tuple[str, Any]]:
    return [(tag if len(values) == 1 else f"{tag}/{number}", value) for number, value in enumerate(values)]
