"""The best few of many values: of a vocabulary's logits."""

import dataclasses
from collections.abc import Callable

from t5mix.mesh.mesh_tensorflow import tf

# Values of a block: the first of these that divides them.
_BLOCKS = (128, 64, 32, 16)


@dataclasses.dataclass(frozen=True)
class Split:
    """How a mesh splits a vocabulary; by default not at all.

    Attributes:
        parts: into how many.
        whole: says of a tensor [rows, ..] that the devices of an input all have it.
    """

    parts: int = 1
    whole: Callable[[tf.Tensor], tf.Tensor] = lambda tensor: tensor


NOT_SPLIT = Split()


def top(values: tf.Tensor, count: int, split: Split = NOT_SPLIT) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the `count` largest of [.., size] and where they stand, both [.., count]; of equals, the first.

    The largest elements are in the blocks with the largest maxima, so only these are sorted: one pass over all
    values finds the maxima, and it is a pass that XLA fuses with what made the values.

    Args:
        values: of any number of dimensions.
        count: how many.
        split: of the last dimension. Each device looks for its own largest, and sends no others.
    """
    *leading, size = values.shape
    rank = len(leading)
    if split.parts > 1:
        each = size // split.parts
        own, places = top(tf.reshape(values, [*leading, split.parts, each]), min(count, each))
        places += (tf.range(split.parts) * each)[:, None]
        own, places = (tf.reshape(split.whole(tensor), [*leading, -1]) for tensor in (own, places))
        found = tf.math.top_k(own, count)  # in the order of places: of equals, the first is the first
        return found.values, tf.gather(places, found.indices, batch_dims=rank)
    block = next((block for block in _BLOCKS if size % block == 0), size)
    if size // block <= count:
        found = tf.math.top_k(values, count)
        return found.values, found.indices
    blocks = tf.reshape(values, [*leading, size // block, block])
    chosen = tf.sort(tf.math.top_k(tf.reduce_max(blocks, -1), count).indices, axis=-1)
    near = tf.reshape(tf.gather(blocks, chosen, batch_dims=rank), [*leading, count * block])
    found = tf.math.top_k(near, count)
    places = tf.gather(chosen, found.indices // block, batch_dims=rank)
    return found.values, places * block + found.indices % block


def likeliest(logits: tf.Tensor) -> tf.Tensor:
    """Returns where the largest of [.., size] stands, the first of equals: int32 [..]."""
    return tf.argmax(logits, -1, output_type=tf.int32)


def log_likelihood(logits: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    """Returns the log-probability of chosen tokens: [.., vocab] and int32 [..] to float32 [..]."""
    # By a pass over all logits: on some devices XLA gathers the places of all rows for an indexed read.
    here = tf.equal(tf.range(logits.shape[-1]), chosen[..., None])
    return tf.reduce_sum(tf.where(here, logits, 0.0), -1) - tf.reduce_logsumexp(logits, -1)
