"""What becomes of tokens that are noise, in many texts. Names, settings and laws are T5's.

T5's own functions, of one text, are in `t5_denoise`. Each function here takes texts, their masks joined, True for
noise, the vocabulary, and noises, of which it uses none where it draws nothing; it returns texts of the same dtype.
Examples are of tokens a b c d e f, with b, c and e noise.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from t5mix.internal.ragged import Ragged, run_starts, running_counts
from t5mix.preprocessors.objectives.noise import Noise, random_orders, without_padding
from t5mix.vocabularies.sentinels import first_sentinel


def sentinel_id(vocabulary: Any, return_value: int | None = None) -> int:
    """Returns the id of the first sentinel, the vocabulary's last, unless another one is given."""
    return first_sentinel(vocabulary) if return_value is None else return_value


def noise_token_to_sentinel(texts: Ragged, noise: np.ndarray, vocabulary: Any, noises: Sequence[Noise]) -> Ragged:
    """Makes each noise token the same sentinel: a X X d X f."""
    return _where(noise, sentinel_id(vocabulary), texts)


def noise_span_to_sentinel(texts: Ragged, noise: np.ndarray, vocabulary: Any, noises: Sequence[Noise]) -> Ragged:
    """Makes each span of noise one sentinel, always the same: a X d X f."""
    return _spans_to(texts, noise, sentinel_id(vocabulary))


def nonnoise_span_to_sentinel(texts: Ragged, noise: np.ndarray, vocabulary: Any, noises: Sequence[Noise]) -> Ragged:
    """Makes each span of other text one sentinel, always the same: X b c X e X."""
    return _spans_to(texts, ~noise, sentinel_id(vocabulary))


def noise_span_to_unique_sentinel(texts: Ragged, noise: np.ndarray, vocabulary: Any, noises: Sequence[Noise]) -> Ragged:
    """Makes each span of noise a sentinel of its own, from the vocabulary's last id down: a X d Y f."""
    return _spans_to(texts, noise, sentinel_id(vocabulary), unique=True)


def nonnoise_span_to_unique_sentinel(
    texts: Ragged, noise: np.ndarray, vocabulary: Any, noises: Sequence[Noise]
) -> Ragged:
    """Makes each span of other text a sentinel of its own: X b c Y e Z."""
    return _spans_to(texts, ~noise, sentinel_id(vocabulary), unique=True)


def drop_noise_tokens(texts: Ragged, noise: np.ndarray, vocabulary: Any, noises: Sequence[Noise]) -> Ragged:
    """Leaves noise out: a d f."""
    return texts.where(~noise)


def drop_nonnoise_tokens(texts: Ragged, noise: np.ndarray, vocabulary: Any, noises: Sequence[Noise]) -> Ragged:
    """Leaves all but noise out: b c e."""
    return texts.where(noise)


def permute_noise_tokens(texts: Ragged, noise: np.ndarray, vocabulary: Any, noises: Sequence[Noise]) -> Ragged:
    """Puts noise tokens in a random order, among their positions: a e b d c f."""
    noisy = texts.where(noise)
    order = random_orders(noisy.lengths, noises[0]) + np.repeat(noisy.starts, noisy.lengths)
    values = texts.values.copy()
    values[noise] = noisy.values[order]
    return Ragged(values, texts.lengths)


def noise_token_to_gathered_token(texts: Ragged, noise: np.ndarray, vocabulary: Any, noises: Sequence[Noise]) -> Ragged:
    """Makes each noise token a random one of the text: a f a d d f."""
    drawn = _drawn(np.maximum(texts.lengths, 1), texts, noises[0]) + np.repeat(texts.starts, texts.lengths)
    return _where(noise, texts.values[drawn], texts)


def noise_token_to_random_token(
    texts: Ragged, noise: np.ndarray, vocabulary: Any, noises: Sequence[Noise], num_reserved_tokens: int = 3
) -> Ragged:
    """Makes each noise token a random one of the vocabulary, but for its first `num_reserved_tokens`."""
    return _random_tokens(texts, noise, vocabulary, noises[0], num_reserved_tokens)


def noise_token_to_random_token_or_sentinel(
    texts: Ragged, noise: np.ndarray, vocabulary: Any, noises: Sequence[Noise], random_prob: float = 0.1
) -> Ragged:
    """Makes each noise token a random one of the vocabulary, with this probability, or the sentinel.

    Source: Devlin et al. 2019, arXiv:1810.04805, less its tenth of unchanged tokens, as in T5.
    """
    drawn = noises[0].uniform(int(texts.lengths.max(initial=0)))
    is_random = without_padding(drawn < random_prob, texts.lengths)
    random = _random_tokens(texts, noise & is_random, vocabulary, noises[1])
    return _where(noise & ~is_random, sentinel_id(vocabulary), random)


def _where(mask: np.ndarray, yes: Any, texts: Ragged) -> Ragged:
    return Ragged(np.where(mask, yes, texts.values).astype(texts.values.dtype), texts.lengths)


def _random_tokens(texts: Ragged, noise: np.ndarray, vocabulary: Any, words: Noise, reserved: int = 3) -> Ragged:
    choices = np.full(len(texts), vocabulary.vocab_size - reserved)
    return _where(noise, reserved + _drawn(choices, texts, words), texts)


def _spans_to(texts: Ragged, noise: np.ndarray, sentinel: int, unique: bool = False) -> Ragged:
    """Makes each span of noise a sentinel, the same or the next lower one each time."""
    first = run_starts(noise, texts.lengths)
    marks: Any = sentinel
    if unique:
        marks = sentinel + 1 - running_counts(first, texts.lengths)
    return _where(noise, marks, texts).where(first | ~noise)


def _drawn(limits: np.ndarray, texts: Ragged, noise: Noise) -> np.ndarray:
    """Draws a number below its text's limit for each token, int64 like the texts' values."""
    return without_padding(noise.integers(limits, int(texts.lengths.max(initial=0))), texts.lengths)
