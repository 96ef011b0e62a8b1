"""Adafactor (Shazeer and Stern 2018, https://arxiv.org/abs/1804.04235), with T5's settings.

The second moments of a matrix are kept as means of its rows and of its columns; the update is relative to the scale of
the weight, and clipped so that its root mean square is at most 1. Equal to upstream's AdafactorOptimizer, except that
the layers of a stacked variable are each clipped for themselves, as they are when they are variables of their own.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from t5mix.mesh.mesh_tensorflow import tf

_MIN_SIZE_TO_FACTOR = 128
_EPSILON_GRADIENT, _EPSILON_SCALE = 1e-30, 1e-3
_CLIPPING_THRESHOLD = 1.0


@dataclasses.dataclass(frozen=True)
class Slot:
    """An array that the optimizer keeps for a weight.

    Attributes:
        name: what follows the weight's name, "_slot_vr".
        dimensions: which of the weight's dimensions it has.
    """

    name: str
    dimensions: tuple[int, ...]


class Step(NamedTuple):
    """What the optimizer would do to a weight.

    Attributes:
        weight: new values.
        slots: new values by name.
        squared_norm: of the gradient, float32 [], from sums that the step needs anyway.
    """

    weight: tf.Tensor
    slots: dict[str, tf.Tensor]
    squared_norm: tf.Tensor


def slots(shape: Sequence[int]) -> list[Slot]:
    """Returns the slots of a weight: vr and vc where its two largest dimensions are at least 128, else v."""
    factored = _factored(shape)
    everything = range(len(shape))
    if factored is None:
        return [Slot("_slot_v", tuple(everything))]
    largest, second = factored
    return [
        Slot("_slot_vr", tuple(d for d in everything if d != largest)),
        Slot("_slot_vc", tuple(d for d in everything if d != second)),
    ]


@functools.partial(tf.function, autograph=False)  # traced once a shape, not once a weight
def update(
    weight: tf.Tensor,
    gradient: tf.Tensor,
    old: Mapping[str, tf.Tensor],
    learning_rate: tf.Tensor,
    decay_rate: tf.Tensor,
    *,
    stacked: bool,
) -> Step:
    """Computes one step.

    Args:
        weight: float32.
        gradient: of the weight's shape.
        old: values of its slots by name.
        learning_rate: relative to the scale of the weight.
        decay_rate: of the second moments, in [0, 1).
        stacked: whether the first dimension counts layers, each a weight of its own.

    Returns:
        What `Step` holds; nothing has been written yet.
    """
    first = int(stacked)  # the first dimension that belongs to a weight
    inner = list(range(first, len(weight.shape)))
    gradient = tf.cast(gradient, tf.float32)
    squared = tf.square(gradient) + _EPSILON_GRADIENT
    new: dict[str, tf.Tensor] = {}

    def moved(name: str, now: tf.Tensor) -> tf.Tensor:
        new[name] = old[name] * decay_rate + now * (1.0 - decay_rate)
        return new[name]

    factored = _factored(weight.shape.as_list()[first:])
    if factored is None:
        x = gradient * tf.math.rsqrt(moved("_slot_v", squared))
    else:
        largest, second = (dimension + first for dimension in factored)
        rows_of_squares = tf.reduce_mean(squared, largest)
        rows = moved("_slot_vr", rows_of_squares)
        columns = moved("_slot_vc", tf.reduce_mean(squared, second))
        mean = tf.reduce_mean(rows, second - (largest < second), keepdims=True)
        by_row = tf.expand_dims(tf.math.rsqrt(rows / mean), largest)
        x = gradient * by_row * tf.expand_dims(tf.math.rsqrt(columns), second)
    clipped = tf.maximum(1.0, _root_mean_square(x, inner) / _CLIPPING_THRESHOLD)
    scale = tf.maximum(_root_mean_square(weight, inner), _EPSILON_SCALE)
    mean_square = tf.reduce_mean(rows_of_squares if factored else squared)
    return Step(weight - x * (scale * learning_rate / clipped), new, mean_square * weight.shape.num_elements())


def _root_mean_square(x: tf.Tensor, dimensions: Sequence[int]) -> tf.Tensor:
    return tf.sqrt(tf.reduce_mean(tf.square(x), list(dimensions), keepdims=True))


def _factored(shape: Sequence[int]) -> tuple[int, int] | None:
    """Returns the two largest dimensions, the largest first; None where they are too small to factor."""
    if len(shape) < 2:
        return None
    largest, second, *_ = sorted(range(len(shape)), key=lambda dimension: -shape[dimension])
    return None if shape[second] < _MIN_SIZE_TO_FACTOR else (largest, second)
