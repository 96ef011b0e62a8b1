"""Which tokens of a text become noise.  Names, arguments and meaning are T5's.

Each function takes a length, a density and `seeds`, pairs of whole numbers, and returns a bool array
of that length, True for noise.  Given tensors, as in a preprocessor of `tf.data`, it returns a tensor.
The numbers drawn are not those of T5, which depend on TensorFlow's generator; their law is the same.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from t5mix.objectives.randomness import RandomWords, random_number, random_segments, random_shares
from t5mix.objectives.spans import noise_and_spans
from t5mix.objectives.tensors import takes_tensors

# Pairs of whole numbers, the seeds of one function each draw.
Seeds = Sequence[Any] | np.ndarray
NoiseMask = Callable[..., Any]


def seeded(seeds: Seeds, place: int = 0) -> RandomWords:
    """Returns the random words of the pair at `place` among `seeds`."""
    pair = [int(number) % 2**64 for number in seeds[place]]
    return np.random.Philox(key=np.array(pair, dtype=np.uint64)).random_raw


@takes_tensors
def iid_noise_mask(length: int, noise_density: float, seeds: Seeds) -> np.ndarray:
    """Makes each token noise by itself, with probability `noise_density`.

    Args:
      length: number of tokens.
      noise_density: probability, 0 to 1.
      seeds: one pair or more.

    Returns:
      bool [length].  Source: Raffel et al. 2020, arXiv:1910.10683, section 3.3.1.
    """
    return random_shares(int(length), seeded(seeds)) < noise_density


@takes_tensors
def regular_noise_mask(
    length: int, noise_density: float, seeds: Seeds, min_span_length: int = 1, max_span_length: int = 5
) -> np.ndarray:
    """Makes spans of one length noise, at equal distances; length and first place are random.

    With density 0.25 and spans of 2: `..##......##......##`.

    Args:
      length: number of tokens.
      noise_density: share of noise, above 0 to 1.
      seeds: two pairs or more.
      min_span_length: the least tokens of a span.
      max_span_length: the most tokens of a span.

    Returns:
      bool [length].
    """
    span = min_span_length + random_number(max_span_length + 1 - min_span_length, seeded(seeds))
    period = round(span / noise_density)
    offset = random_number(period, seeded(seeds, 1))
    return (np.arange(int(length)) + offset) % period < span


@takes_tensors
def random_spans_noise_mask(
    length: int, noise_density: float, seeds: Seeds, mean_noise_span_length: float = 3.0, random_roll: bool = False
) -> np.ndarray:
    """Makes random spans noise: span corruption's mask.

    Numbers of noise tokens and of spans follow from the length; all masks with these numbers that begin
    with a kept token and end with noise are equally likely.

    Args:
      length: number of tokens.
      noise_density: share of noise, 0 to 1.
      seeds: two pairs or more.
      mean_noise_span_length: mean tokens of a span.
      random_roll: roll the mask around by a random number of places, so that noise may lie anywhere
        also where there is but one span.

    Returns:
      bool [length].  Source: Raffel et al. 2020, arXiv:1910.10683, section 3.1.4.
    """
    length = int(length)
    size = max(length, 2)
    if noise_density == 0:
        return np.zeros(length, dtype=bool)
    noise, spans = noise_and_spans(size, noise_density, mean_noise_span_length)
    parts = np.stack(
        [random_segments(size - noise, spans, seeded(seeds, 1)), random_segments(noise, spans, seeded(seeds))], axis=1
    )
    mask = np.repeat(np.tile([False, True], spans), parts.reshape(-1))[:length]
    if random_roll and length:
        (first, second), (third, fourth) = [[int(number) for number in pair] for pair in seeds[:2]]
        mask = np.roll(mask, random_number(size, seeded([(first + fourth, second - third)])))
    return mask


@takes_tensors
def random_prefix_noise_mask(length: int, noise_density: float, seeds: Seeds) -> np.ndarray:
    """Makes the beginning noise, up to a random place: for prefix language modelling.

    Args:
      length: number of tokens.
      noise_density: must be 0.5, which is the mean of what it makes.
      seeds: one pair or more.

    Returns:
      bool [length], with one True or more, and one False or more if length allows.

    Raises:
      ValueError: for another density.
    """
    if noise_density != 0.5:
        raise ValueError(f"random_prefix_noise_mask: noise_density is {noise_density}; it can only be 0.5")
    longest = int(length) - 1
    shortest = min(longest, 1)
    return np.arange(int(length)) < shortest + random_number(longest - shortest + 1, seeded(seeds))


def most_spans(noise_mask_fn: NoiseMask, size: int, noise_density: float) -> int:
    """Returns how many separate spans of noise, or between noise, a mask of `size` tokens has.

    A bound that T5's masks keep: always, but for `iid_noise_mask`, which passes it once in a million
    texts.  For a mask of one's own it is the greatest number there can be.
    """
    settings: dict[str, Any] = {}
    while isinstance(noise_mask_fn, functools.partial):
        settings = {**noise_mask_fn.keywords, **settings}
        noise_mask_fn = noise_mask_fn.func
    greatest = (size + 1) // 2
    if noise_mask_fn is iid_noise_mask:
        share = noise_density * (1 - noise_density)  # a span begins with a change, at each place alike
        return min(greatest, int(size * share + 5 * (size * share * (1 - 3 * share)) ** 0.5) + 2)
    if noise_mask_fn is regular_noise_mask:
        period = max(1, round(settings.get("min_span_length", 1) / noise_density))
        return min(greatest, -(-size // period) + 1)
    if noise_mask_fn is random_spans_noise_mask:
        spans = noise_and_spans(max(size, 2), noise_density, settings.get("mean_noise_span_length", 3.0))[1]
        return min(greatest, spans + 1)
    return 1 if noise_mask_fn is random_prefix_noise_mask else greatest
