"""What an optimizer keeps for a weight, and what a step of it gives."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

from t5mix.mesh.compiling import operations
from t5mix.mesh.mesh_tensorflow import tf


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


def wide(number: tf.Tensor, tensor: tf.Tensor) -> tf.Tensor:
    """Returns a number so that it can be multiplied with a tensor: one for all, or one for each of its first dimension.

    Args:
        number: [] or [layers].
        tensor: of any shape; [layers, ...] where there are several numbers.
    """
    return number if not number.shape.rank else tf.reshape(number, [-1] + [1] * (len(tensor.shape) - 1))


def root_mean_square(x: tf.Tensor, dimensions: Sequence[int]) -> tf.Tensor:
    """Returns the root mean square over dimensions, which stay with size 1."""
    return operations.sqrt(tf.reduce_mean(tf.square(x), list(dimensions), keepdims=True))
