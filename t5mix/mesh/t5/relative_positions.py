"""T5's relative positions: a bias of the attention logits for each head and bucket of distance.

The bucket depends on memory position - query position alone, of which there are q + k - 1: the bias is gathered for
those, and laid along the diagonals of [q, k] by reshapes. Nothing of q x k x buckets exists, no constant of q x k, and
a stack computes it once for all its layers (T5), or each layer its own (UMT5).
"""

import math
from typing import Any

import numpy as np

from t5mix.mesh.mesh_tensorflow import mtf, tf
from t5mix.mesh.state import Initializer
from t5mix.mesh.t5.parameters import Scope


def buckets(relative_position: np.ndarray, *, bidirectional: bool, num_buckets: int, max_distance: int) -> np.ndarray:
    """Returns the bucket of each relative position, memory position - query position: int32, in [0, num_buckets).

    Half of the buckets are for exact small distances, the rest grow with the logarithm of the distance up to
    `max_distance` (Raffel et al. 2020, section 2.1). Where attention looks forward too, each direction has half.

    Args:
        relative_position: int32, any shape.
        bidirectional: whether positions ahead of the query have buckets of their own; else they share that of 0.
        num_buckets: buckets in all.
        max_distance: from which on all distances share a bucket.
    """
    distance, first = -relative_position, np.zeros_like(relative_position)
    if bidirectional:
        num_buckets //= 2
        first = (distance < 0) * num_buckets
        distance = np.abs(distance)
    else:
        distance = np.maximum(distance, 0)
    exact = num_buckets // 2
    logarithm = np.log(np.maximum(distance, 1).astype(np.float32) / np.float32(exact))
    steps = logarithm / np.float32(math.log(max_distance / exact)) * np.float32(num_buckets - exact)
    far = np.minimum(exact + steps.astype(np.int32), num_buckets - 1)
    return (first + np.where(distance < exact, distance, far)).astype(np.int32)


class RelativePositions:
    """The bias of one stack, or of one layer."""

    def __init__(self, scope: Scope, heads: Any, num_buckets: int, *, bidirectional: bool, max_distance: int = 128):
        """Makes (or finds) the weight `relative_attention_bias` [heads, buckets].

        Args:
            scope: of the weight.
            heads: mtf dimension.
            num_buckets: buckets of distance.
            bidirectional: whether attention looks forward, too.
            max_distance: from which on all distances share a bucket.
        """
        shape = [heads, mtf.Dimension("buckets", num_buckets)]
        limit = (6.0 / (heads.size + num_buckets)) ** 0.5  # TensorFlow's default, which upstream takes
        self._weights = scope.weight("relative_attention_bias", shape, Initializer("uniform", limit))
        self._settings: dict[str, Any] = {
            "bidirectional": bidirectional,
            "num_buckets": num_buckets,
            "max_distance": max_distance,
        }

    def bias(self, length: Any, memory_length: Any) -> Any:
        """Returns the bias of all queries: [heads, length, memory_length]."""
        heads = self._weights.shape.dims[0]
        return mtf.slicewise(
            lambda weights: _on_diagonals(tf.gather(weights, self._table(length, memory_length), axis=1), length.size),
            [self._weights],
            output_shape=mtf.Shape([heads, length, memory_length]),
            splittable_dims=[],
            grad_function=self._gradient,
            name="relative_positions",
        )

    def bias_of_one_query(self, position: Any, memory_length: Any) -> Any:
        """Returns the bias of the query at `position`, an int32 scalar, for decoding: [heads, memory_length]."""
        size, heads = memory_length.size, self._weights.shape.dims[0]
        table = np.concatenate([self._table(memory_length, memory_length)] * 2)

        def row(weights: tf.Tensor, position: tf.Tensor) -> tf.Tensor:
            near = tf.slice(tf.constant(table), [2 * size - position], [size])
            return tf.gather(weights, near, axis=1)

        shape = mtf.Shape([heads, memory_length])
        dtype = self._weights.dtype
        return mtf.slicewise(
            row, [self._weights, position], output_shape=shape, output_dtype=dtype, splittable_dims=[], grad_function=0
        )

    def _table(self, length: Any, memory_length: Any) -> np.ndarray:
        """Returns the buckets of relative positions 0, 1, .. memory_length - 1, then -length, .. -1: int32 [number]."""
        distances = np.concatenate([np.arange(memory_length.size), np.arange(-length.size, 0)])
        return buckets(distances.astype(np.int32), **self._settings)

    def _gradient(self, operation: Any, gradient: Any) -> list[Any]:
        length, memory_length = gradient.shape.dims[-2:]

        def to_buckets(dy: tf.Tensor) -> tf.Tensor:
            by_distance = tf.transpose(_from_diagonals(tf.cast(dy, tf.float32)))
            table = tf.constant(self._table(length, memory_length))
            total = tf.math.unsorted_segment_sum(by_distance, table, self._settings["num_buckets"])
            return tf.cast(tf.transpose(total), dy.dtype)

        shape = self._weights.shape
        return [mtf.slicewise(to_buckets, [gradient], output_shape=shape, splittable_dims=[], grad_function=0)]


def _on_diagonals(values: tf.Tensor, length: int) -> tf.Tensor:
    """Takes [heads, n] to [heads, length, n - length] with element (i, j) = values[(j - i) mod n].

    Rows of n values, read as rows of n - 1, begin one value earlier each.
    """
    heads, count = values.shape
    rows = tf.broadcast_to(values[:, None, :], [heads, length, count])
    shifted = tf.reshape(rows, [heads, length * count])[:, : length * (count - 1)]
    return tf.reshape(shifted, [heads, length, count - 1])[:, :, : count - length]


def _from_diagonals(matrix: tf.Tensor) -> tf.Tensor:
    """Sums along the diagonals, [heads, length, n - length] to [heads, n]: the transpose of `_on_diagonals`."""
    heads, length, memory_length = matrix.shape
    count = length + memory_length
    rows = tf.reshape(tf.pad(matrix, [[0, 0], [0, 0], [0, length - 1]]), [heads, length * (count - 1)])
    return tf.reduce_sum(tf.reshape(tf.pad(rows, [[0, 0], [0, length]]), [heads, length, count]), 1)
