"""Sampling: temperature, top-k and nucleus, by random numbers that are counted, not drawn from a state.

The number for a token is a hash of (seed, number of the input, number of the sample, position, token), see
mesh/random.py: an answer does not depend on the batch that its input is in, or on where that is computed.
"""

from t5mix.mesh import random
from t5mix.mesh.decoding.likeliest import NOT_SPLIT, Split, likeliest, top
from t5mix.mesh.decoding.settings import Decoding
from t5mix.mesh.mesh_tensorflow import tf

# Sets the keys of decoding apart from those of dropout and of first weights.
_DECODING = 0x5A3D_11E7


def choose(
    logits: tf.Tensor,
    decoding: Decoding,
    key: tf.Tensor,
    numbers: tf.Tensor,
    position: tf.Tensor,
    split: Split = NOT_SPLIT,
) -> tf.Tensor:
    """Draws a token for each sequence: float32 [rows, width, vocab] to int32 [rows, width].

    The largest of log-probability + Gumbel noise is a draw from the probabilities.

    Args:
        logits: of the model.
        decoding: the settings.
        key: uint32 [2], of the seed.
        numbers: int32 [rows], of the inputs.
        position: int32 [].
        split: of the vocabulary.
    """
    limited = limit(logits / decoding.temperature, decoding.top_k, decoding.top_p, split)
    of_inputs = random.fold_in(random.fold_in((key[0], key[1]), _DECODING), tf.cast(numbers, tf.uint32)[:, None])
    of_samples = random.fold_in(of_inputs, tf.cast(tf.range(logits.shape[1]), tf.uint32)[None, :])
    first, second = random.fold_in(of_samples, tf.cast(position, tf.uint32))
    uniform = random.open_unit(random.bits((first[..., None], second[..., None]), [logits.shape[-1]]))
    return likeliest(limited - tf.math.log(-tf.math.log(uniform)))


def limit(logits: tf.Tensor, top_k: int, top_p: float, split: Split = NOT_SPLIT) -> tf.Tensor:
    """Returns logits with -inf where a token is not to be drawn; of tokens equal to the last that is, all stay.

    Args:
        logits: float32 [.., vocab].
        top_k: so many stay; 0 means all.
        top_p: of those, the likeliest stay that have this probability together; 1 means all.
        split: of the vocabulary.
    """
    if top_k:
        least = top(logits, min(top_k, logits.shape[-1]), split)[0][..., -1:]
        logits = tf.where(logits >= least, logits, -float("inf"))
    if top_p < 1:
        probabilities = tf.nn.softmax(logits, -1)
        logits = tf.where(probabilities >= _nucleus(probabilities, top_p), logits, -float("inf"))
    return logits


def _nucleus(probabilities: tf.Tensor, top_p: float) -> tf.Tensor:
    """Returns the largest probability such that the tokens of at least that have `top_p` together: [.., 1].

    By bisection over the bits of a float32, which order positive numbers as integers: 31 passes instead of a sort.
    """
    shape = [*probabilities.shape[:-1], 1]
    one = tf.bitcast(tf.constant(1.0), tf.int32)

    def halve(number: tf.Tensor, low: tf.Tensor, high: tf.Tensor) -> tuple[tf.Tensor, ...]:
        # The tokens of at least `low` have enough, those of at least `high` have not.
        middle = low + (high - low) // 2
        least = tf.bitcast(middle, tf.float32)
        mass = tf.reduce_sum(tf.where(probabilities >= least, probabilities, 0.0), -1, keepdims=True)
        enough = mass >= top_p
        return number + 1, tf.where(enough, middle, low), tf.where(enough, high, middle)

    # Rounding may leave less than top_p in all tokens together; then all stay, for `low` begins at 0.
    start = (tf.zeros([], tf.int32), tf.zeros(shape, tf.int32), tf.zeros(shape, tf.int32) + one + 1)
    _, low, _ = tf.while_loop(lambda number, *_: number < 31, halve, start)
    return tf.bitcast(low, tf.float32)
