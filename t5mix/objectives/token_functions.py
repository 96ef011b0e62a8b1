"""What becomes of tokens that are noise.  Names, arguments and meaning are T5's.

Each function takes tokens, a mask of the same length that is True for noise, the vocabulary, and
`seeds`, pairs of whole numbers, and returns tokens of the same dtype.  Given tensors, as in a
preprocessor of `tf.data`, it returns a tensor.  Examples are of tokens a b c d e f, with b, c and e noise.
"""

from typing import Any, cast

import numpy as np

from t5mix.objectives.noise_masks import Seeds, seeded
from t5mix.objectives.randomness import random_numbers, random_order, random_shares
from t5mix.objectives.tensors import takes_tensors


def sentinel_id(vocabulary: Any, return_value: int | None = None) -> int:
    """Returns the id of the first sentinel, the vocabulary's last, unless another one is given."""
    return cast(int, vocabulary.vocab_size - 1) if return_value is None else return_value


@takes_tensors
def noise_token_to_sentinel(
    tokens: np.ndarray, noise_mask: np.ndarray, vocabulary: Any, seeds: Seeds = ()
) -> np.ndarray:
    """Makes each noise token the same sentinel: a X X d X f."""
    return _where(noise_mask, sentinel_id(vocabulary), tokens)


@takes_tensors
def noise_span_to_sentinel(
    tokens: np.ndarray, noise_mask: np.ndarray, vocabulary: Any, seeds: Seeds = ()
) -> np.ndarray:
    """Makes each span of noise one sentinel, always the same: a X d X f."""
    return _where(noise_mask, sentinel_id(vocabulary), tokens)[~_inside(noise_mask)]


@takes_tensors
def nonnoise_span_to_sentinel(
    tokens: np.ndarray, noise_mask: np.ndarray, vocabulary: Any, seeds: Seeds = ()
) -> np.ndarray:
    """Makes each span of kept text one sentinel, always the same: X b c X e X."""
    return cast(np.ndarray, noise_span_to_sentinel(tokens, ~np.asarray(noise_mask), vocabulary, seeds))


@takes_tensors
def noise_span_to_unique_sentinel(
    tokens: np.ndarray, noise_mask: np.ndarray, vocabulary: Any, seeds: Seeds = ()
) -> np.ndarray:
    """Makes each span of noise a sentinel of its own, from the vocabulary's last id down: a X d Y f."""
    noise = np.asarray(noise_mask, dtype=bool)
    number = np.cumsum(noise & ~_inside(noise))
    return _where(noise, sentinel_id(vocabulary) + 1 - number, tokens)[~_inside(noise)]


@takes_tensors
def nonnoise_span_to_unique_sentinel(
    tokens: np.ndarray, noise_mask: np.ndarray, vocabulary: Any, seeds: Seeds = ()
) -> np.ndarray:
    """Makes each span of kept text a sentinel of its own: X b c Y e Z."""
    return cast(np.ndarray, noise_span_to_unique_sentinel(tokens, ~np.asarray(noise_mask), vocabulary, seeds))


@takes_tensors
def drop_noise_tokens(
    tokens: np.ndarray, noise_mask: np.ndarray, vocabulary: Any = None, seeds: Seeds = ()
) -> np.ndarray:
    """Leaves noise out: a d f."""
    return np.asarray(tokens)[~np.asarray(noise_mask)]


@takes_tensors
def drop_nonnoise_tokens(
    tokens: np.ndarray, noise_mask: np.ndarray, vocabulary: Any = None, seeds: Seeds = ()
) -> np.ndarray:
    """Leaves all but noise out: b c e."""
    return np.asarray(tokens)[np.asarray(noise_mask)]


@takes_tensors
def permute_noise_tokens(tokens: np.ndarray, noise_mask: np.ndarray, vocabulary: Any, seeds: Seeds) -> np.ndarray:
    """Puts noise tokens in a random order, among their places: a e b d c f."""
    result, places = np.array(tokens), np.flatnonzero(noise_mask)
    result[places] = result[places[random_order(len(places), seeded(seeds))]]
    return result


@takes_tensors
def noise_token_to_gathered_token(
    tokens: np.ndarray, noise_mask: np.ndarray, vocabulary: Any, seeds: Seeds
) -> np.ndarray:
    """Makes each noise token a random one of the text: a f a d d f."""
    tokens = np.asarray(tokens)
    return _where(noise_mask, tokens[random_numbers(len(tokens), len(tokens), seeded(seeds))], tokens)


@takes_tensors
def noise_token_to_random_token(
    tokens: np.ndarray, noise_mask: np.ndarray, vocabulary: Any, seeds: Seeds, num_reserved_tokens: int = 3
) -> np.ndarray:
    """Makes each noise token a random one of the vocabulary, but for its first `num_reserved_tokens`."""
    choices = vocabulary.vocab_size - num_reserved_tokens
    random = num_reserved_tokens + random_numbers(len(tokens), choices, seeded(seeds))
    return _where(noise_mask, random, tokens)


@takes_tensors
def noise_token_to_random_token_or_sentinel(
    tokens: np.ndarray, noise_mask: np.ndarray, vocabulary: Any, seeds: Seeds, random_prob: float = 0.1
) -> np.ndarray:
    """Makes each noise token a random one of the vocabulary, with this probability, or the sentinel.

    Source: Devlin et al. 2019, arXiv:1810.04805, less its tenth of unchanged tokens, as in T5.
    """
    is_random = random_shares(len(tokens), seeded(seeds)) < random_prob
    random = noise_token_to_random_token(tokens, noise_mask, vocabulary, seeds[1:])
    return _where(is_random, random, noise_token_to_sentinel(tokens, noise_mask, vocabulary))


def _where(mask: np.ndarray, yes: Any, no: Any) -> np.ndarray:
    no = np.asarray(no)
    return np.where(mask, yes, no).astype(no.dtype)


def _inside(noise_mask: np.ndarray) -> np.ndarray:
    """The noise tokens that follow another one."""
    noise = np.asarray(noise_mask, dtype=bool)
    return noise & np.concatenate([[False], noise[:-1]])[: len(noise)]
