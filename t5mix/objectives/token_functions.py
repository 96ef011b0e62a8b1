"""What becomes of tokens that are noise.  Names, arguments and meaning are T5's.

Each function takes tokens, a mask of the same length that is True for noise, the vocabulary, and
`seeds`, pairs of whole numbers, and returns tokens of the same dtype.  Those that draw return a tensor with what T5
draws (`t5_noise`), the others one when given tensors, as in a preprocessor of `tf.data`.  Examples are of tokens
a b c d e f, with b, c and e noise.

Each is written for many texts at once, as the stream needs them, with noise of the same law: its attribute `many`.
"""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from t5mix.objectives import randomness, t5_noise
from t5mix.objectives.ragged import Ragged, begins, running_counts
from t5mix.objectives.randomness import Noise
from t5mix.objectives.tensors import drawing_as_t5, takes_tensors


def sentinel_id(vocabulary: Any, return_value: int | None = None) -> int:
    """Returns the id of the first sentinel, the vocabulary's last, unless another one is given."""
    return cast(int, vocabulary.vocab_size - 1) if return_value is None else return_value


def many_texts(many: Callable[..., Ragged]) -> Callable[..., Any]:
    """Makes T5's function of one text of a function of many that draws nothing, which it keeps as `many`.

    `many` takes texts, their masks joined, the vocabulary, and noise, which it does not need.
    """

    def one(tokens: np.ndarray, noise_mask: np.ndarray, vocabulary: Any = None, seeds: Any = ()) -> np.ndarray:
        tokens = np.asarray(tokens)
        text = Ragged(tokens, np.array([len(tokens)]))
        return many(text, np.asarray(noise_mask, dtype=bool), vocabulary, ()).values

    parameters = list(inspect.signature(one).parameters.values())
    return takes_tensors(functools.wraps(many)(one), many, parameters)


@many_texts
def noise_token_to_sentinel(texts: Ragged, noise: np.ndarray, vocabulary: Any, noises: Sequence[Noise]) -> Ragged:
    """Makes each noise token the same sentinel: a X X d X f."""
    return _where(noise, sentinel_id(vocabulary), texts)


@many_texts
def noise_span_to_sentinel(texts: Ragged, noise: np.ndarray, vocabulary: Any, noises: Sequence[Noise]) -> Ragged:
    """Makes each span of noise one sentinel, always the same: a X d X f."""
    return _spans_to(texts, noise, sentinel_id(vocabulary))


@many_texts
def nonnoise_span_to_sentinel(texts: Ragged, noise: np.ndarray, vocabulary: Any, noises: Sequence[Noise]) -> Ragged:
    """Makes each span of kept text one sentinel, always the same: X b c X e X."""
    return _spans_to(texts, ~noise, sentinel_id(vocabulary))


@many_texts
def noise_span_to_unique_sentinel(texts: Ragged, noise: np.ndarray, vocabulary: Any, noises: Sequence[Noise]) -> Ragged:
    """Makes each span of noise a sentinel of its own, from the vocabulary's last id down: a X d Y f."""
    return _spans_to(texts, noise, sentinel_id(vocabulary), unique=True)


@many_texts
def nonnoise_span_to_unique_sentinel(
    texts: Ragged, noise: np.ndarray, vocabulary: Any, noises: Sequence[Noise]
) -> Ragged:
    """Makes each span of kept text a sentinel of its own: X b c Y e Z."""
    return _spans_to(texts, ~noise, sentinel_id(vocabulary), unique=True)


@many_texts
def drop_noise_tokens(texts: Ragged, noise: np.ndarray, vocabulary: Any, noises: Sequence[Noise]) -> Ragged:
    """Leaves noise out: a d f."""
    return texts.where(~noise)


@many_texts
def drop_nonnoise_tokens(texts: Ragged, noise: np.ndarray, vocabulary: Any, noises: Sequence[Noise]) -> Ragged:
    """Leaves all but noise out: b c e."""
    return texts.where(noise)


@drawing_as_t5(t5_noise.permute_noise_tokens)
def permute_noise_tokens(texts: Ragged, noise: np.ndarray, vocabulary: Any, noises: Sequence[Noise]) -> Ragged:
    """Puts noise tokens in a random order, among their places: a e b d c f."""
    noisy = texts.where(noise)
    order = randomness.random_orders(noisy.lengths, noises[0]) + np.repeat(noisy.starts, noisy.lengths)
    values = texts.values.copy()
    values[noise] = noisy.values[order]
    return Ragged(values, texts.lengths)


@drawing_as_t5(t5_noise.noise_token_to_gathered_token)
def noise_token_to_gathered_token(texts: Ragged, noise: np.ndarray, vocabulary: Any, noises: Sequence[Noise]) -> Ragged:
    """Makes each noise token a random one of the text: a f a d d f."""
    drawn = _drawn(np.maximum(texts.lengths, 1), texts, noises[0]) + np.repeat(texts.starts, texts.lengths)
    return _where(noise, texts.values[drawn], texts)


@drawing_as_t5(t5_noise.noise_token_to_random_token)
def noise_token_to_random_token(
    texts: Ragged, noise: np.ndarray, vocabulary: Any, noises: Sequence[Noise], num_reserved_tokens: int = 3
) -> Ragged:
    """Makes each noise token a random one of the vocabulary, but for its first `num_reserved_tokens`."""
    return _random_tokens(texts, noise, vocabulary, noises[0], num_reserved_tokens)


@drawing_as_t5(t5_noise.noise_token_to_random_token_or_sentinel)
def noise_token_to_random_token_or_sentinel(
    texts: Ragged, noise: np.ndarray, vocabulary: Any, noises: Sequence[Noise], random_prob: float = 0.1
) -> Ragged:
    """Makes each noise token a random one of the vocabulary, with this probability, or the sentinel.

    Source: Devlin et al. 2019, arXiv:1810.04805, less its tenth of unchanged tokens, as in T5.
    """
    shares = noises[0].shares(int(texts.lengths.max(initial=0)))
    is_random = randomness.flat(shares < random_prob, texts.lengths)
    random = _random_tokens(texts, noise & is_random, vocabulary, noises[1])
    return _where(noise & ~is_random, sentinel_id(vocabulary), random)


def _where(mask: np.ndarray, yes: Any, texts: Ragged) -> Ragged:
    return Ragged(np.where(mask, yes, texts.values).astype(texts.values.dtype), texts.lengths)


def _random_tokens(texts: Ragged, noise: np.ndarray, vocabulary: Any, words: Noise, reserved: int = 3) -> Ragged:
    choices = np.full(len(texts), vocabulary.vocab_size - reserved)
    return _where(noise, reserved + _drawn(choices, texts, words), texts)


def _spans_to(texts: Ragged, noise: np.ndarray, sentinel: int, unique: bool = False) -> Ragged:
    """Makes each span of noise a sentinel, the same or the next lower one each time."""
    first = begins(noise, texts.lengths)
    marks: Any = sentinel
    if unique:
        marks = sentinel + 1 - running_counts(first, texts.lengths)
    return _where(noise, marks, texts).where(first | ~noise)


def _drawn(limits: np.ndarray, texts: Ragged, noise: Noise) -> np.ndarray:
    """A number below its text's limit for each token, int64 like the texts' values."""
    return randomness.flat(noise.numbers(limits, int(texts.lengths.max(initial=0))), texts.lengths)
