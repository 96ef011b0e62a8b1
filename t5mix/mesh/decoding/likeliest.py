"""The best few of many values: of a vocabulary's logits."""

from t5mix.mesh.mesh_tensorflow import tf

_BLOCK = 128

# Parts that `likeliest` divides so many numbers, or more, into; a vocabulary is padded to a multiple of it.
_PARTS, _MANY = 128, 4096


def top(values: tf.Tensor, count: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the `count` largest of [.., size] and where they stand, both [.., count]; of equals, the first.

    The largest elements are in the blocks with the largest maxima, so only these are sorted: one pass over all
    values finds the maxima, and it is a pass that XLA fuses with what made the values.
    """
    *leading, size = values.shape
    if size % _BLOCK or size // _BLOCK <= count:
        found = tf.math.top_k(values, count)
        return found.values, found.indices
    rank = len(leading)
    blocks = tf.reshape(values, [*leading, size // _BLOCK, _BLOCK])
    chosen = tf.sort(tf.math.top_k(tf.reduce_max(blocks, -1), count).indices, axis=-1)
    near = tf.reshape(tf.gather(blocks, chosen, batch_dims=rank), [*leading, count * _BLOCK])
    found = tf.math.top_k(near, count)
    block = tf.gather(chosen, found.indices // _BLOCK, batch_dims=rank)
    return found.values, block * _BLOCK + found.indices % _BLOCK


def likeliest(logits: tf.Tensor) -> tf.Tensor:
    """Returns where the largest of [.., size] stands, the first of equals: int32 [..].

    XLA on CPU looks for places one number after the other, and for maxima sixteen at a time: so first the maximum of
    each of 128 parts is found, then the part, then the place in it. A mesh axis that splits the numbers splits the
    parts alike.
    """
    *leading, size = logits.shape
    if size % _PARTS or size < _MANY:
        return tf.argmax(logits, -1, output_type=tf.int32)
    parts = tf.reshape(logits, [*leading, _PARTS, size // _PARTS])
    part = tf.argmax(tf.reduce_max(parts, -1), -1, output_type=tf.int32)
    place = tf.argmax(tf.gather(parts, part, batch_dims=len(leading)), -1, output_type=tf.int32)
    return part * (size // _PARTS) + place


def log_likelihood(logits: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    """Returns the log-probability of chosen tokens: [.., vocab] and int32 [..] to float32 [..]."""
    picked = tf.gather(logits, chosen[..., None], batch_dims=len(chosen.shape))[..., 0]
    return picked - tf.reduce_logsumexp(logits, -1)
