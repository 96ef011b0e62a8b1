"""T5's noise of one text, number for number, by TensorFlow's stateless generator.

Called as in T5, with a length or tokens and `seeds`, the functions of `noise_masks` and `token_functions` that draw
are these.  Each returns a tensor, takes tensors or numbers, and runs in a graph.  `seeds` are pairs of integers,
[1 or 2, 2]: what T5 draws with the same ones is drawn here.  The stream, which needs many texts at once, draws other
numbers by the same law.
"""

from typing import TYPE_CHECKING, Any

from t5mix.lazy import lazy_import
from t5mix.mapping import stateless_shuffle

if TYPE_CHECKING:
    import tensorflow as tf
else:
    tf = lazy_import("tensorflow")


def iid_noise_mask(length: Any, noise_density: float, seeds: Any) -> "tf.Tensor":
    """Returns a bool [length]; see `noise_masks.iid_noise_mask`."""
    return _shares([length], seeds[0]) < noise_density


def regular_noise_mask(
    length: Any, noise_density: float, seeds: Any, min_span_length: int = 1, max_span_length: int = 5
) -> "tf.Tensor":
    """Returns a bool [length]; see `noise_masks.regular_noise_mask`."""
    span = _numbers([], min_span_length, max_span_length + 1, seeds[0])
    period = _rounded(tf.cast(span, tf.float32) / noise_density)
    return (tf.range(length, dtype=tf.int32) + _numbers([], 0, period, seeds[1])) % period < span


def random_spans_noise_mask(
    length: Any, noise_density: float, seeds: Any, mean_noise_span_length: float = 3.0, random_roll: bool = False
) -> "tf.Tensor":
    """Returns a bool [length]; see `noise_masks.random_spans_noise_mask`."""
    if noise_density == 0:
        return tf.zeros([length], tf.bool)
    size = tf.maximum(tf.cast(length, tf.int32), 2)
    noisy = tf.clip_by_value(_rounded(tf.cast(size, tf.float32) * noise_density), 1, size - 1)
    spans = tf.maximum(_rounded(tf.cast(noisy, tf.float32) / mean_noise_span_length), 1)
    spans = tf.minimum(spans, size - noisy)  # where kept tokens are fewer, T5 fails
    runs = tf.stack([_parts(size - noisy, spans, seeds[1]), _parts(noisy, spans, seeds[0])], axis=1)
    mask = tf.repeat(tf.tile([False, True], [spans]), tf.reshape(runs, [-1]))[:length]
    if not random_roll:
        return mask
    seed = (seeds[0][0] + seeds[1][1], seeds[0][1] - seeds[1][0])
    return tf.roll(mask, _numbers([], 0, size, seed), axis=0)


def random_prefix_noise_mask(length: Any, noise_density: float, seeds: Any) -> "tf.Tensor":
    """Returns a bool [length]; see `noise_masks.random_prefix_noise_mask`."""
    if not 0 < noise_density <= 0.5:
        raise ValueError(
            f"random_prefix_noise_mask: noise density must not exceed 0.5, and is {noise_density}; give more than 0, "
            "up to 0.5"
        )
    longest = tf.maximum(tf.cast(length, tf.int32) - 1, 0)
    shortest = _rounded((1 - 2 * noise_density) * tf.cast(longest, tf.float32))
    shortest = tf.minimum(longest, tf.maximum(shortest, 1))
    return tf.range(length, dtype=tf.int32) < _numbers([], shortest, longest + 1, seeds[0])


def permute_noise_tokens(tokens: Any, noise_mask: Any, vocabulary: Any = None, seeds: Any = ()) -> "tf.Tensor":
    """Returns tokens like `tokens`; see `token_functions.permute_noise_tokens`."""
    tokens, places = tf.convert_to_tensor(tokens), tf.where(noise_mask)
    return tf.tensor_scatter_nd_update(tokens, places, stateless_shuffle(tf.gather_nd(tokens, places), seeds[0]))


def noise_token_to_gathered_token(tokens: Any, noise_mask: Any, vocabulary: Any = None, seeds: Any = ()) -> "tf.Tensor":
    """Returns tokens like `tokens`; see `token_functions.noise_token_to_gathered_token`."""
    tokens = tf.convert_to_tensor(tokens)
    drawn = _numbers(tf.shape(tokens), 0, tf.size(tokens), seeds[0])
    return tf.where(noise_mask, tf.gather(tokens, drawn), tokens)


def noise_token_to_random_token(
    tokens: Any, noise_mask: Any, vocabulary: Any, seeds: Any, num_reserved_tokens: int = 3
) -> "tf.Tensor":
    """Returns tokens like `tokens`; see `token_functions.noise_token_to_random_token`."""
    tokens = tf.convert_to_tensor(tokens)
    drawn = _numbers(tf.shape(tokens), num_reserved_tokens, vocabulary.vocab_size, seeds[0], tokens.dtype)
    return tf.where(noise_mask, drawn, tokens)


def noise_token_to_random_token_or_sentinel(
    tokens: Any, noise_mask: Any, vocabulary: Any, seeds: Any, random_prob: float = 0.1
) -> "tf.Tensor":
    """Returns tokens like `tokens`; see `token_functions.noise_token_to_random_token_or_sentinel`."""
    tokens = tf.convert_to_tensor(tokens)
    sentinels = tf.fill(tf.shape(tokens), tf.cast(vocabulary.vocab_size - 1, tokens.dtype))
    random = noise_token_to_random_token(tokens, noise_mask, vocabulary, seeds[1:])
    is_random = _shares(tf.shape(tokens), seeds[0]) < random_prob
    return tf.where(is_random, random, tf.where(noise_mask, sentinels, tokens))


def _shares(shape: Any, seed: Any) -> "tf.Tensor":
    return tf.random.stateless_uniform(shape, seed)


def _numbers(shape: Any, least: Any, limit: Any, seed: Any, dtype: Any = "int32") -> "tf.Tensor":
    """Whole numbers from `least` to less than `limit`."""
    dtype = tf.as_dtype(dtype)
    return tf.random.stateless_uniform(shape, seed, tf.cast(least, dtype), tf.cast(limit, dtype), dtype)


def _rounded(number: Any) -> "tf.Tensor":
    return tf.cast(tf.round(number), tf.int32)


def _parts(items: Any, parts: Any, seed: Any) -> "tf.Tensor":
    """Sizes of random parts, one item or more each: int32 [parts]."""
    is_start = stateless_shuffle(tf.range(items - 1) < parts - 1, seed)
    starts = tf.concat([[0], 1 + tf.cast(tf.where(is_start)[:, 0], tf.int32), [items]], axis=0)
    return starts[1:] - starts[:-1]
