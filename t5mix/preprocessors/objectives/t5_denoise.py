"""T5's preprocessor `denoise` and the functions of one text it is called with, number for number T5's.

The functions stand under T5's names, with T5's arguments. Each returns a tensor, takes tensors, arrays or numbers, and
runs in a graph. `seeds` are pairs of integers, [1 or 2, 2]: what T5 draws with the same ones is drawn here, by
TensorFlow's stateless generator.

Examples are of tokens a b c d e f, with b, c and e noise.

The stream needs many texts at once; `of_many` gives the NumPy function that does the same to many, drawing other
numbers by the same law.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from t5mix.internal.lazy import tensorflow as tf
from t5mix.preprocessors.mapping import map_over_dataset, stateless_shuffle
from t5mix.preprocessors.objectives import noise_masks, token_functions
from t5mix.preprocessors.segments import maybe_cast_seed


class DenoiseNoiseMaskFn(Protocol):
    """What chooses the noise; `random_spans_noise_mask` and its siblings do."""

    def __call__(self, num_tokens: Any, noise_density: float, seeds: Any) -> Any:
        """Returns a bool [num_tokens]; `seeds` are two pairs of integers."""


class DenoiseInputsFn(Protocol):
    """What makes inputs of tokens and noise; `noise_span_to_unique_sentinel` and its siblings do."""

    def __call__(self, tokens: Any, noise_mask: Any, vocabulary: Any, seeds: Any) -> Any:
        """Returns tokens of any length; `seeds` are two pairs of integers."""


class DenoiseTargetsFn(DenoiseInputsFn, Protocol):
    """What makes targets of tokens and noise; `noise_span_to_unique_sentinel` and its siblings do."""


def denoise(
    dataset: "tf.data.Dataset",
    output_features: Mapping[str, Any],
    noise_density: float,
    noise_mask_fn: DenoiseNoiseMaskFn,
    inputs_fn: DenoiseInputsFn,
    targets_fn: DenoiseTargetsFn | None = None,
    passthrough_feature_keys: Sequence[str] | None = None,
    input_feature_key: str = "inputs",
) -> "tf.data.Dataset":
    """Puts noise into examples that are cut to their length already; T5's preprocessor of this name.

    Before: `{"targets": [3, 4, 5, 6]}`; after, with 4 and 5 noise, unique sentinels and a vocabulary of
    100: `{"inputs": [3, 99, 6], "targets": [99, 4, 5, 98]}`. With T5's functions and a seed it is T5's noise.

    Args:
        dataset: examples with `targets`, int [length].
        output_features: the task's, given by the task.
        noise_density: share of noise.
        noise_mask_fn: function of (length, noise_density, seeds) to a bool mask.
        inputs_fn: function of (tokens, noise_mask, vocabulary, seeds) to tokens.
        targets_fn: the same for the targets; None makes them the whole text.
        passthrough_feature_keys: further features to keep.
        input_feature_key: what to call the inputs.

    Raises:
        ValueError: when inputs and targets have different vocabularies, or a feature that passes through is made anew.
    """

    @map_over_dataset(num_seeds=1)
    def one(example: Mapping[str, Any], seed: Any) -> dict[str, Any]:
        return single_example_denoise(
            example,
            seed,
            output_features=output_features,
            noise_density=noise_density,
            noise_mask_fn=noise_mask_fn,
            inputs_fn=inputs_fn,
            targets_fn=targets_fn,
            passthrough_feature_keys=passthrough_feature_keys,
            input_feature_key=input_feature_key,
        )

    return one(dataset)


def single_example_denoise(
    features: Mapping[str, Any],
    seed: Any,
    *,
    output_features: Mapping[str, Any],
    noise_density: float,
    noise_mask_fn: DenoiseNoiseMaskFn,
    inputs_fn: DenoiseInputsFn,
    targets_fn: DenoiseTargetsFn | None = None,
    passthrough_feature_keys: Sequence[str] | None = None,
    input_feature_key: str = "inputs",
) -> dict[str, Any]:
    """Returns one example with noise in it; see `denoise`.

    Args:
        features: one example, with `targets`, int [length].
        seed: two integers.
        output_features: see `denoise`, as for the others.
        noise_density: share of noise.
        noise_mask_fn: makes the mask.
        inputs_fn: makes the inputs.
        targets_fn: makes the targets.
        passthrough_feature_keys: further features to keep.
        input_feature_key: what to call the inputs.

    Raises:
        ValueError: see `denoise`.
    """
    passed_through = tuple(passthrough_feature_keys or ())
    clash = [name for name in passed_through if name in (input_feature_key, "targets")]
    if clash:
        raise ValueError(
            f"denoise: passthrough keys cannot contain {input_feature_key!r} or 'targets', which denoise makes; "
            f"leave {clash[0]!r} out"
        )
    vocabulary = output_features["targets"].vocabulary
    if input_feature_key in output_features and output_features[input_feature_key].vocabulary != vocabulary:
        raise ValueError(
            f"denoise makes {input_feature_key!r} of the tokens of 'targets', but their vocabularies differ; "
            "declare both features with the same one"
        )
    seeds = tf.unstack(tf.random.split(maybe_cast_seed(seed), 6))
    tokens = features["targets"]
    mask = noise_mask_fn(tf.size(tokens), noise_density, seeds=seeds[:2])
    made = {
        input_feature_key: inputs_fn(tokens, mask, vocabulary, seeds=seeds[2:4]),
        "targets": targets_fn(tokens, mask, vocabulary, seeds=seeds[4:6]) if targets_fn else tokens,
    }
    return {**made, **{name: features[name] for name in passed_through if name in features}}


def iid_noise_mask(length: Any, noise_density: float, seeds: Any) -> "tf.Tensor":
    """Returns a bool [length]; see `noise_masks.iid_noise_masks`."""
    return _uniform([length], seeds[0]) < noise_density


def regular_noise_mask(
    length: Any, noise_density: float, seeds: Any, min_span_length: int = 1, max_span_length: int = 5
) -> "tf.Tensor":
    """Returns a bool [length]; see `noise_masks.regular_noise_masks`."""
    span = _integers([], min_span_length, max_span_length + 1, seeds[0])
    period = _rounded(tf.cast(span, tf.float32) / noise_density)
    return (tf.range(length, dtype=tf.int32) + _integers([], 0, period, seeds[1])) % period < span


def random_spans_noise_mask(
    length: Any, noise_density: float, seeds: Any, mean_noise_span_length: float = 3.0, random_roll: bool = False
) -> "tf.Tensor":
    """Returns a bool [length]; see `noise_masks.random_spans_noise_masks`."""
    if noise_density == 0:
        return tf.zeros([length], tf.bool)
    size = tf.maximum(tf.cast(length, tf.int32), 2)
    noisy = tf.clip_by_value(_rounded(tf.cast(size, tf.float32) * noise_density), 1, size - 1)
    spans = tf.maximum(_rounded(tf.cast(noisy, tf.float32) / mean_noise_span_length), 1)
    spans = tf.minimum(spans, size - noisy)  # where tokens that are no noise are fewer, T5 fails
    runs = tf.stack([_random_parts(size - noisy, spans, seeds[1]), _random_parts(noisy, spans, seeds[0])], axis=1)
    mask = tf.repeat(tf.tile([False, True], [spans]), tf.reshape(runs, [-1]))[:length]
    if not random_roll:
        return mask
    seed = (seeds[0][0] + seeds[1][1], seeds[0][1] - seeds[1][0])
    return tf.roll(mask, _integers([], 0, size, seed), axis=0)


def random_prefix_noise_mask(length: Any, noise_density: float, seeds: Any) -> "tf.Tensor":
    """Returns a bool [length]; see `noise_masks.random_prefix_noise_masks`."""
    if not 0 < noise_density <= 0.5:
        raise ValueError(
            f"random_prefix_noise_mask: noise density must not exceed 0.5, and is {noise_density}; give more than 0, "
            "up to 0.5"
        )
    longest = tf.maximum(tf.cast(length, tf.int32) - 1, 0)
    shortest = _rounded((1 - 2 * noise_density) * tf.cast(longest, tf.float32))
    shortest = tf.minimum(longest, tf.maximum(shortest, 1))
    return tf.range(length, dtype=tf.int32) < _integers([], shortest, longest + 1, seeds[0])


def noise_token_to_sentinel(tokens: Any, noise_mask: Any, vocabulary: Any, seeds: Any = ()) -> "tf.Tensor":
    """Makes each noise token the same sentinel: a X X d X f."""
    tokens = tf.convert_to_tensor(tokens)
    return tf.where(noise_mask, tf.cast(token_functions.sentinel_id(vocabulary), tokens.dtype), tokens)


def noise_span_to_sentinel(tokens: Any, noise_mask: Any, vocabulary: Any, seeds: Any = ()) -> "tf.Tensor":
    """Makes each span of noise one sentinel, always the same: a X d X f."""
    return _spans_to_sentinels(tokens, noise_mask, vocabulary)


def nonnoise_span_to_sentinel(tokens: Any, noise_mask: Any, vocabulary: Any, seeds: Any = ()) -> "tf.Tensor":
    """Makes each span of other text one sentinel, always the same: X b c X e X."""
    return _spans_to_sentinels(tokens, tf.logical_not(noise_mask), vocabulary)


def noise_span_to_unique_sentinel(tokens: Any, noise_mask: Any, vocabulary: Any, seeds: Any = ()) -> "tf.Tensor":
    """Makes each span of noise a sentinel of its own, from the vocabulary's last id down: a X d Y f."""
    return _spans_to_sentinels(tokens, noise_mask, vocabulary, unique=True)


def nonnoise_span_to_unique_sentinel(tokens: Any, noise_mask: Any, vocabulary: Any, seeds: Any = ()) -> "tf.Tensor":
    """Makes each span of other text a sentinel of its own: X b c Y e Z."""
    return _spans_to_sentinels(tokens, tf.logical_not(noise_mask), vocabulary, unique=True)


def drop_noise_tokens(tokens: Any, noise_mask: Any, vocabulary: Any = None, seeds: Any = ()) -> "tf.Tensor":
    """Leaves noise out: a d f."""
    return tf.boolean_mask(tokens, tf.logical_not(noise_mask))


def drop_nonnoise_tokens(tokens: Any, noise_mask: Any, vocabulary: Any = None, seeds: Any = ()) -> "tf.Tensor":
    """Leaves all but noise out: b c e."""
    return tf.boolean_mask(tokens, noise_mask)


def permute_noise_tokens(tokens: Any, noise_mask: Any, vocabulary: Any = None, seeds: Any = ()) -> "tf.Tensor":
    """Puts noise tokens in a random order, among their positions: a e b d c f."""
    tokens, positions = tf.convert_to_tensor(tokens), tf.where(noise_mask)
    return tf.tensor_scatter_nd_update(tokens, positions, stateless_shuffle(tf.gather_nd(tokens, positions), seeds[0]))


def noise_token_to_gathered_token(tokens: Any, noise_mask: Any, vocabulary: Any = None, seeds: Any = ()) -> "tf.Tensor":
    """Makes each noise token a random one of the text: a f a d d f."""
    tokens = tf.convert_to_tensor(tokens)
    drawn = _integers(tf.shape(tokens), 0, tf.size(tokens), seeds[0])
    return tf.where(noise_mask, tf.gather(tokens, drawn), tokens)


def noise_token_to_random_token(
    tokens: Any, noise_mask: Any, vocabulary: Any, seeds: Any, num_reserved_tokens: int = 3
) -> "tf.Tensor":
    """Makes each noise token a random one of the vocabulary, but for its first `num_reserved_tokens`."""
    tokens = tf.convert_to_tensor(tokens)
    drawn = _integers(tf.shape(tokens), num_reserved_tokens, vocabulary.vocab_size, seeds[0], tokens.dtype)
    return tf.where(noise_mask, drawn, tokens)


def noise_token_to_random_token_or_sentinel(
    tokens: Any, noise_mask: Any, vocabulary: Any, seeds: Any, random_prob: float = 0.1
) -> "tf.Tensor":
    """Makes each noise token a random one of the vocabulary, with this probability, or the sentinel."""
    tokens = tf.convert_to_tensor(tokens)
    sentinels = tf.fill(tf.shape(tokens), tf.cast(token_functions.sentinel_id(vocabulary), tokens.dtype))
    random = noise_token_to_random_token(tokens, noise_mask, vocabulary, seeds[1:])
    is_random = _uniform(tf.shape(tokens), seeds[0]) < random_prob
    return tf.where(is_random, random, tf.where(noise_mask, sentinels, tokens))


# What does the same to many texts, by the function of one.
_OF_MANY: dict[Callable[..., Any], Callable[..., Any]] = {
    iid_noise_mask: noise_masks.iid_noise_masks,
    regular_noise_mask: noise_masks.regular_noise_masks,
    random_spans_noise_mask: noise_masks.random_spans_noise_masks,
    random_prefix_noise_mask: noise_masks.random_prefix_noise_masks,
    noise_token_to_sentinel: token_functions.noise_token_to_sentinel,
    noise_span_to_sentinel: token_functions.noise_span_to_sentinel,
    nonnoise_span_to_sentinel: token_functions.nonnoise_span_to_sentinel,
    noise_span_to_unique_sentinel: token_functions.noise_span_to_unique_sentinel,
    nonnoise_span_to_unique_sentinel: token_functions.nonnoise_span_to_unique_sentinel,
    drop_noise_tokens: token_functions.drop_noise_tokens,
    drop_nonnoise_tokens: token_functions.drop_nonnoise_tokens,
    permute_noise_tokens: token_functions.permute_noise_tokens,
    noise_token_to_gathered_token: token_functions.noise_token_to_gathered_token,
    noise_token_to_random_token: token_functions.noise_token_to_random_token,
    noise_token_to_random_token_or_sentinel: token_functions.noise_token_to_random_token_or_sentinel,
}


def of_many(function: Callable[..., Any]) -> Callable[..., Any] | None:
    """Returns what a function, or a partial of one with settings, does for many texts; None if it is one's own."""
    if isinstance(function, functools.partial):
        many = of_many(function.func)
        return None if many is None or function.args else functools.partial(many, **function.keywords)
    return next((many for one, many in _OF_MANY.items() if one is function), None)


def _spans_to_sentinels(tokens: Any, noise_mask: Any, vocabulary: Any, unique: bool = False) -> "tf.Tensor":
    """Makes each span of noise a sentinel, the same or the next lower one each time."""
    tokens, noise = tf.convert_to_tensor(tokens), tf.convert_to_tensor(noise_mask)
    first = noise & ~tf.concat([[False], noise[:-1]], axis=0)
    sentinels = tf.cast(token_functions.sentinel_id(vocabulary), tokens.dtype)
    if unique:
        sentinels = sentinels + 1 - tf.cumsum(tf.cast(first, tokens.dtype))
    return tf.boolean_mask(tf.where(noise, sentinels, tokens), first | ~noise)


def _uniform(shape: Any, seed: Any) -> "tf.Tensor":
    return tf.random.stateless_uniform(shape, seed)


def _integers(shape: Any, least: Any, limit: Any, seed: Any, dtype: Any = "int32") -> "tf.Tensor":
    """Draws whole numbers from `least` to less than `limit`."""
    dtype = tf.as_dtype(dtype)
    return tf.random.stateless_uniform(shape, seed, tf.cast(least, dtype), tf.cast(limit, dtype), dtype)


def _rounded(number: Any) -> "tf.Tensor":
    return tf.cast(tf.round(number), tf.int32)


def _random_parts(items: Any, parts: Any, seed: Any) -> "tf.Tensor":
    """Draws sizes of random parts, one item or more each: int32 [parts]."""
    is_start = stateless_shuffle(tf.range(items - 1) < parts - 1, seed)
    starts = tf.concat([[0], 1 + tf.cast(tf.where(is_start)[:, 0], tf.int32), [items]], axis=0)
    return starts[1:] - starts[:-1]
