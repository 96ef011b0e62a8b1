"""Metric values as TensorBoard's summaries.

They are made here rather than by `tf.summary`, which since TensorFlow 2.21 works only where the package tensorboard is
installed; the format is that of its plugins.
"""

import functools
from typing import Any

import numpy as np

from t5mix.internal.lazy import tensorflow as tf
from t5mix.metrics.values import Audio, Generic, Histogram, Image, MetricValue, Scalar, Text

_BINS = 30  # TensorBoard's own


@functools.singledispatch
def tensor_of(value: MetricValue) -> tuple[str, Any]:
    """Returns the TensorBoard plugin that shows a value, and the array that it reads.

    Raises:
        TypeError: for a kind of value that no plugin shows.
        ValueError: for content that the plugin cannot show.
    """
    raise TypeError(f"TensorBoard shows no {type(value).__name__}; return a kind of value of t5mix.metrics")


@tensor_of.register
def _(value: Scalar) -> tuple[str, Any]:
    return "scalars", np.float32(np.asarray(value.value).item())


@tensor_of.register
def _(value: Text) -> tuple[str, Any]:
    if not isinstance(value.textdata, str | bytes):
        raise ValueError(f"the textdata of a Text is {value.textdata!r}; give str or bytes")
    return "text", tf.compat.as_bytes(value.textdata)


@tensor_of.register
def _(value: Histogram) -> tuple[str, Any]:
    values = np.asarray(value.values, np.float64).reshape(-1)
    if not np.all(np.isfinite(values)):
        raise ValueError("a Histogram has values that are NaN or infinite; leave them out")
    counts, edges = np.histogram(values, bins=_BINS if value.bins is None else value.bins)
    return "histograms", np.stack([edges[:-1], edges[1:], counts], axis=1)


@tensor_of.register
def _(value: Image) -> tuple[str, Any]:
    images = np.asarray(value.image)
    if images.ndim != 4:
        raise ValueError(f"an Image is of shape {images.shape}; give [count, height, width, channels]")
    pixels = tf.image.convert_image_dtype(images[: value.max_outputs], tf.uint8, saturate=True)
    height, width = (str(size).encode() for size in images.shape[1:3])
    return "images", np.array([width, height, *(tf.io.encode_png(each).numpy() for each in pixels)], object)


@tensor_of.register
def _(value: Audio) -> tuple[str, Any]:
    sounds = np.asarray(value.audiodata, np.float32)
    if sounds.ndim != 3:
        raise ValueError(f"an Audio is of shape {sounds.shape}; give [count, samples, channels]")
    waves = [tf.audio.encode_wav(each, value.sample_rate).numpy() for each in sounds[: value.max_outputs]]
    return "audio", np.array([[wave, b""] for wave in waves], object).reshape(-1, 2)


@tensor_of.register
def _(value: Generic) -> tuple[str, Any]:
    return value.metadata.plugin_data.plugin_name, value.tensor


_CLASSES = {"scalars": 1, "text": 2, "histograms": 2, "images": 3, "audio": 3}


def summary(tag: str, value: MetricValue) -> "tf.compat.v1.Summary.Value":
    """Returns the summary of a value.

    Args:
        tag: its name in TensorBoard; slashes make groups.
        value: of any kind that `t5mix.metrics.values` has.
    """
    plugin, array = tensor_of(value)
    kind = tf.compat.v1.SummaryMetadata
    metadata = value.metadata if isinstance(value, Generic) else None
    if metadata is None:
        metadata = kind(plugin_data=kind.PluginData(plugin_name=plugin), data_class=_CLASSES[plugin])
    return tf.compat.v1.Summary.Value(tag=tag, tensor=tf.make_tensor_proto(array), metadata=metadata)
