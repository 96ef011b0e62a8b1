"""Random numbers that are a function of a key and of the position in the tensor, and of nothing else.

A generator with a state cannot be split over devices without either changing its numbers or computing all of them
everywhere. Here element (i, j, ...) of a tensor is a hash of its position under the tensor's key: elementwise integer
arithmetic on iotas, which XLA's partitioner splits like any other, so every mesh draws the same numbers and no device
draws another's.

The hash is two rounds of a multiplicative one, each with a word of the key: a dozen operations an element that fuse
into whatever uses the numbers. Threefry-2x32, which JAX draws with, takes a hundred, or a loop to compile for each
tensor; for initial weights and dropout masks the laws that tests/mesh/test_random.py checks are what counts.
"""

import functools
import math
from collections.abc import Sequence

import numpy as np

from t5mix.mesh.mesh_tensorflow import tf

# Two uint32 scalars; or, for several tensors of one shape in one array, two of shape [number, 1, ..].
Key = tuple[tf.Tensor, tf.Tensor]

_GOLDEN, _OTHER = 0x9E3779B9, 0x85EBCA6B


@functools.partial(tf.function, autograph=False)  # one operation of the graph, built faster than fifteen
def hashed(x: tf.Tensor) -> tf.Tensor:
    """Maps uint32 to uint32 by a bijection in which every input bit changes every output bit with probability near 1/2.

    "lowbias32" of Chris Wellons's search for such functions (https://github.com/skeeto/hash-prospector).
    """
    x = x ^ tf.bitwise.right_shift(x, tf.constant(16, tf.uint32))
    x = x * tf.constant(0x7FEB352D, tf.uint32)
    x = x ^ tf.bitwise.right_shift(x, tf.constant(15, tf.uint32))
    x = x * tf.constant(0x846CA68B, tf.uint32)
    return x ^ tf.bitwise.right_shift(x, tf.constant(16, tf.uint32))


def fold_in(key: Key, number: int | tf.Tensor) -> Key:
    """Makes a new key from `key` and a uint32: one for each tensor that is drawn; of several numbers, several."""
    number = tf.convert_to_tensor(number, tf.uint32)
    first = hashed(hashed(hashed(number + tf.constant(_GOLDEN, tf.uint32)) + key[0]) + key[1])
    return first, hashed(first + tf.constant(_OTHER, tf.uint32))


def keys_of_places(key: Key, first: int, count: int, block: int | tf.Tensor) -> list[Key]:
    """Returns the keys of dropout masks, from the step's key and the masks' places in the model.

    Those of a block at once: a program with a hash of its own for each mask takes a quarter longer to build.

    Args:
        key: of the step.
        first: number of the first mask within its block.
        count: of the masks, whose numbers follow one another.
        block: number of the block; an int32 scalar in a loop.
    """
    numbers = tf.constant(np.arange(first, first + count, dtype=np.uint32))
    words = fold_in(fold_in(key, numbers), tf.cast(block, tf.uint32))
    return list(zip(*(tf.unstack(word) for word in words), strict=True))


def bits(key: Key, shape: Sequence[int], part: tuple[tf.Tensor, int] | None = None) -> tf.Tensor:
    """Draws uint32 of the given shape; of several keys, [number, *shape].

    Positions are counted in uint32 along the rows of the tensor, and each round is a bijection: elements of a tensor
    of up to 2^32 differ from one another. The first dimension of a larger one enters with the second round.

    Each dimension's positions are added to the key, a run-time value: were they added up first, TensorFlow would fold
    them into a constant of the tensor's size.

    Args:
        key: of the tensor.
        shape: of what is drawn.
        part: where that is a part of a tensor: the number of its first row, an int32 scalar, and how many rows the
            whole has. The part holds what the whole holds there.
    """
    first, rows = part or (None, shape[0] if len(shape) else 1)
    rank, large = len(shape), rows * math.prod(shape[1:]) >= 2**32
    assert math.prod(shape[1:]) < 2**32, f"a tensor of shape {tuple(shape)} is too large to count"
    (position, second), stride = key, 1
    for axis in reversed(range(rank)):
        if axis == 0 and large:
            second = second + _iota(shape[0], 1, 0, rank)
        else:
            position = position + _iota(shape[axis], stride, axis, rank)
        if axis == 0 and first is not None:
            skipped = tf.cast(first, tf.uint32) * tf.constant(1 if large else stride, tf.uint32)
            position, second = (position, second + skipped) if large else (position + skipped, second)
        stride *= shape[axis]
    drawn = hashed(hashed(position) + second)
    return tf.broadcast_to(drawn, tf.broadcast_static_shape(drawn.shape, tf.TensorShape(shape)))


def uniform(key: Key, shape: Sequence[int], low: float = 0.0, high: float = 1.0) -> tf.Tensor:
    """Draws uniform float32 in [low, high), of the given shape, with 24 random bits each."""
    top = tf.bitwise.right_shift(bits(key, shape), tf.constant(8, tf.uint32))
    return low + (high - low) * (tf.cast(top, tf.float32) * 2.0**-24)


def normal(key: Key, shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0) -> tf.Tensor:
    """Draws normal float32 of the given shape, by the inverse of the distribution function."""
    return mean + stddev * _normal_between(key, shape, -1.0, 1.0)


def truncated_normal(key: Key, shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0) -> tf.Tensor:
    """Draws normal float32 of the given shape, again beyond two standard deviations (as TensorFlow's of that name)."""
    bound = math.erf(2.0 / math.sqrt(2.0))
    return mean + stddev * _normal_between(key, shape, -bound, bound)


def _normal_between(key: Key, shape: Sequence[int], low: float, high: float) -> tf.Tensor:
    return math.sqrt(2.0) * tf.math.erfinv(low + (high - low) * open_unit(bits(key, shape)))


def open_unit(bits: tf.Tensor) -> tf.Tensor:
    """Turns random uint32 into float32 strictly between 0 and 1, where inverses of distribution functions are finite.

    The middles of 2^23 equal steps: each is a float32, so nothing rounds to an end.
    """
    return (tf.cast(tf.bitwise.right_shift(bits, tf.constant(9, tf.uint32)), tf.float32) + 0.5) * 2.0**-23


def _iota(size: int, stride: int, axis: int, rank: int) -> tf.Tensor:
    """Returns 0, stride, 2 * stride, ... along one axis, uint32."""
    numbers = tf.constant(np.arange(size, dtype=np.uint32) * np.uint32(stride))
    return tf.reshape(numbers, [size if i == axis else 1 for i in range(rank)])
