"""Random numbers that are a function of a key and of the position in the tensor, and of nothing else.

A generator with a state cannot be split over devices without either changing its numbers or computing all of them
everywhere.  Here element (i, j, ...) of a tensor is Threefry-2x32 (Salmon et al. 2011, "Parallel random numbers: as
easy as 1, 2, 3") of its position under the tensor's key: elementwise integer arithmetic on iotas, which XLA's
partitioner splits like any other, so every mesh draws the same numbers and no device draws another's.
"""

import math
from collections.abc import Sequence

from t5mix.mesh.upstream import tf

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA


def threefry(key: tuple[tf.Tensor, tf.Tensor], counter: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    """Threefry-2x32 with 20 rounds.

    Args:
        key: two uint32 tensors.
        counter: two uint32 tensors.

    Returns:
        Two uint32 tensors of the shape that all four broadcast to.
    """
    keys = (key[0], key[1], key[0] ^ key[1] ^ tf.constant(_PARITY, tf.uint32))
    x, y = counter[0] + keys[0], counter[1] + keys[1]
    for group in range(5):
        for rotation in _ROTATIONS[group % 2]:
            x = x + y
            y = _rotate_left(y, rotation) ^ x
        x = x + keys[(group + 1) % 3]
        y = y + keys[(group + 2) % 3] + tf.constant(group + 1, tf.uint32)
    return x, y


def fold_in(key: tuple[tf.Tensor, tf.Tensor], number: int) -> tuple[tf.Tensor, tf.Tensor]:
    """A new key from `key` and a number in [0, 2^32): one for each tensor that is drawn."""
    return threefry(key, (tf.constant(number, tf.uint32), tf.constant(0, tf.uint32)))


def uniform(key: tuple[tf.Tensor, tf.Tensor], shape: Sequence[int], low: float = 0.0, high: float = 1.0) -> tf.Tensor:
    """Uniform float32 in [low, high), of the given shape, with 24 random bits each."""
    rows, columns = _positions(shape)
    bits, _ = threefry(key, (rows, columns))
    unit = tf.cast(tf.bitwise.right_shift(bits, tf.constant(8, tf.uint32)), tf.float32) * 2.0**-24
    return low + (high - low) * unit


def normal(key: tuple[tf.Tensor, tf.Tensor], shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0) -> tf.Tensor:
    """Normal float32 of the given shape, by the inverse of the distribution function."""
    return mean + stddev * _normal_between(key, shape, -1.0, 1.0)


def truncated_normal(
    key: tuple[tf.Tensor, tf.Tensor], shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0
) -> tf.Tensor:
    """Normal float32 of the given shape, redrawn beyond two standard deviations (as TensorFlow's of that name)."""
    bound = math.erf(2.0 / math.sqrt(2.0))
    return mean + stddev * _normal_between(key, shape, -bound, bound)


def _normal_between(key: tuple[tf.Tensor, tf.Tensor], shape: Sequence[int], low: float, high: float) -> tf.Tensor:
    # Half a step in from the ends, where the inverse is infinite.
    unit = uniform(key, shape) + 2.0**-25
    return math.sqrt(2.0) * tf.math.erfinv(low + (high - low) * unit)


def _positions(shape: Sequence[int]) -> tuple[tf.Tensor, tf.Tensor]:
    """The position of each element as two uint32 numbers: its row among all leading dimensions, and its column."""
    assert math.prod(shape[:-1]) < 2**32, f"a tensor of shape {tuple(shape)} has more rows than a counter can name"
    rank = len(shape)
    zero = tf.zeros(shape, tf.uint32)
    if not rank:
        return zero, zero
    rows, stride = zero, 1
    for axis in reversed(range(rank - 1)):
        rows = rows + _iota(shape, axis) * tf.constant(stride, tf.uint32)
        stride *= shape[axis]
    return rows, zero + _iota(shape, rank - 1)


def _iota(shape: Sequence[int], axis: int) -> tf.Tensor:
    numbers = tf.cast(tf.range(shape[axis]), tf.uint32)
    return tf.reshape(numbers, [shape[axis] if i == axis else 1 for i in range(len(shape))])


def _rotate_left(x: tf.Tensor, bits: int) -> tf.Tensor:
    left = tf.bitwise.left_shift(x, tf.constant(bits, tf.uint32))
    return left | tf.bitwise.right_shift(x, tf.constant(32 - bits, tf.uint32))
