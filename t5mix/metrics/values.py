"""What a metric may return beside a number: text, images, sound, histograms, tensors.

Names and fields are seqio's. The loggers of `t5mix.evaluation.evaluator.loggers` show them.
"""

import dataclasses
from typing import Any

import numpy as np


@dataclasses.dataclass
class MetricValue:
    """A value that a metric returns by name; a plain number is a Scalar."""


@dataclasses.dataclass
class Scalar(MetricValue):
    """A number.

    Attributes:
        value: int, float or a NumPy number.
    """

    value: Any


@dataclasses.dataclass
class Text(MetricValue):
    """A text; TensorBoard reads it as Markdown.

    Attributes:
        textdata: str, or bytes of UTF-8.
    """

    textdata: str | bytes


@dataclasses.dataclass
class Image(MetricValue):
    """Images.

    Attributes:
        image: `[count, height, width, channels]`, with 1 to 4 channels; floats are from 0 to 1, integers are scaled by
            the range of their type.
        max_outputs: how many of them are shown.
    """

    image: np.ndarray
    max_outputs: int = 3


@dataclasses.dataclass
class Audio(MetricValue):
    """Sound.

    Attributes:
        audiodata: floats from -1 to 1, `[count, samples, channels]`.
        sample_rate: samples a second.
        max_outputs: how many of them are kept.
    """

    audiodata: np.ndarray
    sample_rate: int = 44100
    max_outputs: int = 3


@dataclasses.dataclass
class Histogram(MetricValue):
    """How often values occur.

    Attributes:
        values: finite numbers of any shape.
        bins: how many intervals of equal width; None is 30.
    """

    values: np.ndarray
    bins: int | None = None


@dataclasses.dataclass
class Generic(MetricValue):
    """A tensor for a TensorBoard plugin of one's own.

    Attributes:
        tensor: of any shape.
        metadata: a `tf.compat.v1.SummaryMetadata` that names the plugin.
    """

    tensor: np.ndarray
    metadata: Any


def as_metric_value(value: Any) -> MetricValue:
    """Returns a metric value as it is, anything else as a Scalar."""
    return value if isinstance(value, MetricValue) else Scalar(value)
