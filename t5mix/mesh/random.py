"""Random numbers that are a function of a key and of the position in the tensor, and of nothing else.

A generator with a state cannot be split over devices without either changing its numbers or computing all of them
everywhere.  Here element (i, j, ...) of a tensor is a hash of its position under the tensor's key: elementwise integer
arithmetic on iotas, which XLA's partitioner splits like any other, so every mesh draws the same numbers and no device
draws another's.

Two hashes.  Initial weights are Threefry-2x32 with 20 rounds (Salmon et al. 2011, "Parallel random numbers: as easy as
1, 2, 3").  Dropout masks are drawn at every step and place; for them two rounds of a multiplicative hash do (`bits`):
a dozen operations an element instead of a hundred, in one fused kernel instead of a loop to compile for each mask.
"""

import math
from collections.abc import Sequence

import numpy as np

from t5mix.mesh.upstream import tf

_ROTATIONS = np.array([[13, 15, 26, 6], [17, 29, 16, 24]], np.uint32)
_PARITY = 0x1BD11BDA


# Two uint32 scalars; or, for several tensors of one shape in one array, two of shape [number, 1, ..].
Key = tuple[tf.Tensor, tf.Tensor]


def threefry(key: Key, counter: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    """Threefry-2x32 with 20 rounds.

    Args:
        key: two uint32 scalars.
        counter: two uint32 tensors of one shape.

    Returns:
        Two uint32 tensors of that shape.
    """
    return _rounds(key, counter[0] + key[0], counter[1] + key[1])


@tf.function(autograph=False)  # traced once a shape, not once a draw
def _rounds(key: Key, x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The rounds after the key has been added to the counter once."""
    keys = tf.stack([key[0], key[1], key[0] ^ key[1] ^ tf.constant(_PARITY, tf.uint32)])  # [3, *shape of the key]

    def four_rounds(group: tf.Tensor, x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        rotations = tf.gather(_ROTATIONS, group % 2)
        for number in range(4):
            x = x + y
            y = _rotate_left(y, rotations[number]) ^ x
        x = x + tf.gather(keys, (group + 1) % 3)
        y = y + tf.gather(keys, (group + 2) % 3) + tf.cast(group + 1, tf.uint32)
        return group + 1, x, y

    # A loop, not twenty rounds written out: XLA compiles every tensor that is drawn, and a step draws dozens.
    _, x, y = tf.while_loop(lambda group, x, y: group < 5, four_rounds, (tf.constant(0), x, y))
    return x, y


def bits(key: Key, shape: Sequence[int]) -> tf.Tensor:
    """Random uint32 of the given shape: two rounds of a hash of each position, each with a word of the key.

    Positions are counted in uint32 along the rows of the tensor, and each round is a bijection: elements of a tensor
    of up to 2^32 differ from one another. Leading dimensions that go beyond enter with the second round.
    """
    count = math.prod(shape)
    assert count < 2**32 or math.prod(shape[1:]) < 2**32, f"a tensor of shape {tuple(shape)} is too large to count"
    rank, position, stride = len(shape), key[0], 1
    for axis in reversed(range(rank)):
        if axis or count < 2**32:
            position = position + _iota(shape[axis], stride, axis, rank)
        stride *= shape[axis]
    second = key[1] if count < 2**32 else key[1] + _iota(shape[0], 1, 0, rank)
    return tf.broadcast_to(hashed(hashed(position) + second), shape)


def key_of_place(key: Key, number: int, block: int | tf.Tensor) -> Key:
    """The key of a dropout mask, from the step's key and the mask's place in the model.

    Args:
        key: of the step.
        number: of the mask within its block.
        block: number of the block; an int32 scalar in a loop.
    """
    place = tf.cast(block, tf.uint32) * tf.constant(0x9E3779B9, tf.uint32) + tf.constant(number, tf.uint32)
    first = hashed(hashed(hashed(place) + key[0]) + key[1])
    return first, hashed(first + tf.constant(0x85EBCA6B, tf.uint32))


def hashed(x: tf.Tensor) -> tf.Tensor:
    """A bijection of uint32 in which every input bit changes every output bit with probability near 1/2.

    "lowbias32" of Chris Wellons's search for such functions (https://github.com/skeeto/hash-prospector).
    """
    x = x ^ tf.bitwise.right_shift(x, tf.constant(16, tf.uint32))
    x = x * tf.constant(0x7FEB352D, tf.uint32)
    x = x ^ tf.bitwise.right_shift(x, tf.constant(15, tf.uint32))
    x = x * tf.constant(0x846CA68B, tf.uint32)
    return x ^ tf.bitwise.right_shift(x, tf.constant(16, tf.uint32))


def fold_in(key: Key, number: int | tf.Tensor) -> Key:
    """A new key from `key` and a number in [0, 2^32): one for each tensor that is drawn; of several numbers, several."""
    number = tf.convert_to_tensor(number, tf.uint32)
    return threefry(key, (number, tf.zeros_like(number)))


def uniform(key: Key, shape: Sequence[int], low: float = 0.0, high: float = 1.0) -> tf.Tensor:
    """Uniform float32 in [low, high), of the given shape, with 24 random bits each."""
    bits, _ = _rounds(key, *_keyed_positions(key, shape))
    unit = tf.cast(tf.bitwise.right_shift(bits, tf.constant(8, tf.uint32)), tf.float32) * 2.0**-24
    return low + (high - low) * unit


def normal(key: Key, shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0) -> tf.Tensor:
    """Normal float32 of the given shape, by the inverse of the distribution function."""
    return mean + stddev * _normal_between(key, shape, -1.0, 1.0)


def truncated_normal(key: Key, shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0) -> tf.Tensor:
    """Normal float32 of the given shape, redrawn beyond two standard deviations (as TensorFlow's of that name)."""
    bound = math.erf(2.0 / math.sqrt(2.0))
    return mean + stddev * _normal_between(key, shape, -bound, bound)


def _normal_between(key: Key, shape: Sequence[int], low: float, high: float) -> tf.Tensor:
    bits, _ = _rounds(key, *_keyed_positions(key, shape))
    return math.sqrt(2.0) * tf.math.erfinv(low + (high - low) * open_unit(bits))


def open_unit(bits: tf.Tensor) -> tf.Tensor:
    """Random uint32 to float32 strictly between 0 and 1, where the inverses of distribution functions are finite.

    The middles of 2^23 equal steps: each is a float32, so nothing rounds to an end.
    """
    return (tf.cast(tf.bitwise.right_shift(bits, tf.constant(9, tf.uint32)), tf.float32) + 0.5) * 2.0**-23


def _keyed_positions(key: Key, shape: Sequence[int]) -> tuple[tf.Tensor, tf.Tensor]:
    """The key + the position of each element; a position is its row among all leading dimensions, and its column.

    One dimension after another is added to the key, a run-time value: were the positions computed first, TensorFlow
    would fold them into constants of the tensor's size.
    """
    assert math.prod(shape[:-1]) < 2**32, f"a tensor of shape {tuple(shape)} has more rows than a counter can name"
    rank, (x, y), stride = len(shape), key, 1
    for axis in reversed(range(rank - 1)):
        x = x + _iota(shape[axis], stride, axis, rank)
        stride *= shape[axis]
    if rank:
        y = y + _iota(shape[-1], 1, rank - 1, rank)
    whole = tf.broadcast_static_shape(x.shape, y.shape)
    return tf.broadcast_to(x, whole), tf.broadcast_to(y, whole)


def _iota(size: int, stride: int, axis: int, rank: int) -> tf.Tensor:
    """0, stride, 2 * stride, ... along one axis, uint32."""
    numbers = tf.constant(np.arange(size, dtype=np.uint32) * np.uint32(stride))
    return tf.reshape(numbers, [size if i == axis else 1 for i in range(rank)])


def _rotate_left(x: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
    return tf.bitwise.left_shift(x, bits) | tf.bitwise.right_shift(x, tf.constant(32, tf.uint32) - bits)
