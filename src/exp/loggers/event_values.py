"""A TensorBoard `Summary.Value` for each kind of thing that is logged. Imports TensorFlow."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorboard.plugins.histogram.summary_v2 import histogram_pb
from tensorboard.plugins.hparams.api_pb2 import STATUS_FAILURE, STATUS_SUCCESS, STATUS_UNKNOWN
from tensorboard.plugins.hparams.metadata import PLUGIN_NAME, SESSION_END_INFO_TAG, SESSION_START_INFO_TAG
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorflow.core.framework.summary_pb2 import Summary

from exp.config import yaml_text

BUCKETS = 30
"""Number of buckets in a histogram, which is TensorBoard's own default."""


def scalar_value(tag: str, value: float) -> Any:
    """A number."""
    return Summary.Value(tag=tag, simple_value=value)


def image_value(tag: str, image: Any) -> Any:
    """A (height, width, 1 or 3) uint8 image."""
    height, width, channels = image.shape
    encoded = Summary.Image(height=height, width=width, colorspace=channels)
    encoded.encoded_image_string = tf.io.encode_png(image).numpy()
    return Summary.Value(tag=tag, image=encoded)


def histogram_values(tag: str, value: Any) -> list[Any]:
    """The distribution of an array's finite values; an empty list if it has none."""
    finite = np.asarray(value)[np.isfinite(value)]
    return _as_tensorflows(histogram_pb(tag, finite, buckets=BUCKETS)) if finite.size else []


def summary_values(key: str, value: Any) -> list[Any]:
    """The values for one summary of a model, by its key of `exp.loggers.collect`; each image and sound is one."""
    kind, _, tag = key.partition("/")
    if kind == "scalar":
        return [scalar_value(tag, float(value.item()))]
    if kind == "image":
        return [image_value(one, image) for one, image in _numbered(tag, value)]
    if kind == "audio":
        rate, _, tag = tag.partition("/")
        return [_audio_value(one, wave, int(rate)) for one, wave in _numbered(tag, value)]
    if kind == "histogram":
        return histogram_values(tag, value)
    words = value.item()
    return _as_tensorflows(text_pb(tag, [words.decode() if isinstance(words, bytes) else str(words)]))


def hparams_value(config: Mapping[str, Any]) -> Any:
    """A configuration, by dotted key, as the HParams tab takes it."""
    info = SessionStartInfo(start_time_secs=time.time())
    for key, value in config.items():
        if isinstance(value, bool):
            info.hparams[key].bool_value = value
        elif isinstance(value, int | float):
            info.hparams[key].number_value = value
        else:
            info.hparams[key].string_value = yaml_text(value)
    return _plugin_value(SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=info))


def end_value(status: str) -> Any:
    """The status with which a run ended, as the HParams tab takes it."""
    kind = {"completed": STATUS_SUCCESS, "interrupted": STATUS_UNKNOWN}.get(status, STATUS_FAILURE)
    info = SessionEndInfo(status=kind, end_time_secs=time.time())
    return _plugin_value(SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=info))


def _audio_value(tag: str, wave: Any, rate: int) -> Any:
    """A (samples, channels) float32 sound, from -1 to 1."""
    samples, channels = wave.shape
    audio = Summary.Audio(sample_rate=rate, num_channels=channels, length_frames=samples, content_type="audio/wav")
    audio.encoded_audio_string = tf.audio.encode_wav(wave, rate).numpy()
    return Summary.Value(tag=tag, audio=audio)


def _plugin_value(tag: str, content: HParamsPluginData) -> Any:
    value = Summary.Value(tag=tag)
    value.metadata.plugin_data.plugin_name = PLUGIN_NAME
    value.metadata.plugin_data.content = content.SerializeToString()
    value.tensor.dtype = tf.float32.as_datatype_enum  # TensorBoard drops a value that has no content
    value.tensor.tensor_shape.dim.add(size=0)
    return value


def _as_tensorflows(summary: Any) -> list[Any]:
    """The values of a summary that was made with TensorBoard's copy of the messages, as TensorFlow's messages."""
    return [*Summary.FromString(summary.SerializeToString()).value]


def _numbered(tag: str, values: Any) -> list[tuple[str, Any]]:
    return [(tag if len(values) == 1 else f"{tag}/{number}", value) for number, value in enumerate(values)]
