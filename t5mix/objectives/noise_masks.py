"""Which tokens of a text become noise.  Names, arguments and meaning are T5's.

Each function takes a length, a density and `seeds`, pairs of whole numbers, and returns a bool tensor of that length,
True for noise: the one that T5 draws with these seeds (`t5_noise`).

Each is written for many texts at once, as the stream needs them, with noise of the same law: its attribute `many`.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from t5mix.objectives import randomness, t5_noise
from t5mix.objectives.ragged import places
from t5mix.objectives.randomness import Noise
from t5mix.objectives.spans import noise_and_spans
from t5mix.objectives.tensors import drawing_as_t5

NoiseMask = Callable[..., Any]


def of_many(function: Callable[..., Any]) -> Callable[..., Any] | None:
    """Returns what a function, or a partial of one with settings, does for many texts; None if it is one's own."""
    if isinstance(function, functools.partial):
        many = of_many(function.func)
        return None if many is None or function.args else functools.partial(many, **function.keywords)
    return getattr(function, "many", None)


@drawing_as_t5(t5_noise.iid_noise_mask)
def iid_noise_mask(lengths: np.ndarray, noise_density: float, noises: Sequence[Noise]) -> np.ndarray:
    """Makes each token noise by itself, with probability `noise_density`.

    Args:
      lengths: int64 [texts], numbers of tokens; T5's function takes one `length`.
      noise_density: probability, 0 to 1.
      noises: one or more; T5's function takes as many pairs of `seeds`.

    Returns:
      bool [length].  Source: Raffel et al. 2020, arXiv:1910.10683, section 3.3.1.
    """
    return randomness.flat(noises[0].shares(int(lengths.max(initial=0))) < noise_density, lengths)


@drawing_as_t5(t5_noise.regular_noise_mask)
def regular_noise_mask(
    lengths: np.ndarray,
    noise_density: float,
    noises: Sequence[Noise],
    min_span_length: int = 1,
    max_span_length: int = 5,
) -> np.ndarray:
    """Makes spans of one length noise, at equal distances; length and first place are random.

    With density 0.25 and spans of 2: `..##......##......##`.

    Args:
      lengths: int64 [texts], numbers of tokens; T5's function takes one `length`.
      noise_density: share of noise, above 0 to 1.
      noises: two or more; T5's function takes as many pairs of `seeds`.
      min_span_length: the least tokens of a span.
      max_span_length: the most tokens of a span.

    Returns:
      bool [length].
    """
    span = min_span_length + noises[0].numbers(max_span_length + 1 - min_span_length)[:, 0]
    period = np.rint(span / noise_density).astype(np.int64)
    offset = noises[1].numbers(period)[:, 0]
    return places(offset, lengths) % np.repeat(period, lengths) < np.repeat(span, lengths)


@drawing_as_t5(t5_noise.random_spans_noise_mask)
def random_spans_noise_mask(
    lengths: np.ndarray,
    noise_density: float,
    noises: Sequence[Noise],
    mean_noise_span_length: float = 3.0,
    random_roll: bool = False,
) -> np.ndarray:
    """Makes random spans noise: span corruption's mask.

    Numbers of noise tokens and of spans follow from the length; all masks with these numbers that begin
    with a kept token and end with noise are equally likely.

    Args:
      lengths: int64 [texts], numbers of tokens; T5's function takes one `length`.
      noise_density: share of noise, 0 to 1.
      noises: two or more; T5's function takes as many pairs of `seeds`.
      mean_noise_span_length: mean tokens of a span.
      random_roll: roll the mask around by a random number of places, so that noise may lie anywhere
        also where there is but one span.

    Returns:
      bool [length].  Source: Raffel et al. 2020, arXiv:1910.10683, section 3.1.4.
    """
    if noise_density == 0:
        return np.zeros(int(lengths.sum()), dtype=bool)
    sizes = np.maximum(lengths, 2)
    noisy, spans = noise_and_spans(sizes, noise_density, mean_noise_span_length)
    noisy_runs = randomness.random_parts(noisy, spans, noises[0])
    kept_runs = randomness.random_parts(sizes - noisy, spans, noises[1])
    runs = np.stack([kept_runs, noisy_runs], axis=1).reshape(-1)
    mask = np.repeat(np.tile([False, True], len(kept_runs)), runs)
    starts = np.cumsum(sizes) - sizes
    if not random_roll:
        return mask if lengths.min(initial=2) >= 2 else mask[places(starts, lengths)]
    shift = noises[0].fork(1)[0].numbers(sizes)[:, 0]
    back = places(np.zeros_like(lengths), lengths) - np.repeat(shift, lengths)
    return mask[np.repeat(starts, lengths) + back % np.repeat(np.maximum(lengths, 1), lengths)]


@drawing_as_t5(t5_noise.random_prefix_noise_mask)
def random_prefix_noise_mask(lengths: np.ndarray, noise_density: float, noises: Sequence[Noise]) -> np.ndarray:
    """Makes the beginning noise, up to a random place: for prefix language modelling.

    Args:
      lengths: int64 [texts], numbers of tokens; T5's function takes one `length`.
      noise_density: above 0 to 0.5; the noise is that part of the text that `prefix_lengths` says.
      noises: one or more; T5's function takes as many pairs of `seeds`.

    Returns:
      bool [length], with one True or more, and one False or more if length allows.

    Raises:
      ValueError: for another density.
    """
    prefixes = prefix_lengths(lengths, noise_density, noises[0])
    return places(np.zeros_like(lengths), lengths) < np.repeat(prefixes, lengths)


def prefix_lengths(lengths: np.ndarray, noise_density: float, noise: Noise) -> np.ndarray:
    """Cuts each text in two at random.

    Args:
      lengths: int64 [texts], their tokens.
      noise_density: above 0 to 0.5, the mean share of the second part; at 0.5 all cuts are equally likely, below
        that the earliest ones are left out.
      noise: of the texts.

    Returns:
      int64 [texts], tokens of the first part: one or more, and less than all, but 0 where there is but one.

    Raises:
      ValueError: for another density.
    """
    if not 0 < noise_density <= 0.5:
        raise ValueError(f"a random prefix: noise_density is {noise_density}; give more than 0, up to 0.5")
    longest = np.maximum(lengths - 1, 0)
    shortest = np.rint((1 - 2 * noise_density) * longest).astype(np.int64)
    shortest = np.minimum(longest, np.maximum(shortest, 1))
    return shortest + noise.numbers(longest - shortest + 1)[:, 0]


def most_spans(
    noise_mask_fn: NoiseMask, sizes: np.ndarray | int, noise_density: float, deviations: float = 5.0
) -> np.ndarray:
    """Returns how many separate spans of noise, or between noise, a mask of so many tokens has.

    A bound that T5's masks keep: always, but for `iid_noise_mask`, whose number of spans passes it as often as a
    number is so many standard deviations above its mean: at 5 once in a million texts, at 3 once in a thousand.
    For a mask of one's own it is the greatest number there can be.
    """
    settings: dict[str, Any] = {}
    while isinstance(noise_mask_fn, functools.partial):
        settings = {**noise_mask_fn.keywords, **settings}
        noise_mask_fn = noise_mask_fn.func
    sizes = np.asarray(sizes, dtype=np.int64)
    greatest = (sizes + 1) // 2
    if noise_mask_fn is iid_noise_mask:
        share = noise_density * (1 - noise_density)  # a span begins with a change, at each place alike
        deviation = np.sqrt(sizes * share * (1 - 3 * share))
        return np.minimum(greatest, (sizes * share + deviations * deviation).astype(np.int64) + 2)
    if noise_mask_fn is regular_noise_mask:
        period = max(1, round(settings.get("min_span_length", 1) / noise_density))
        return np.minimum(greatest, -(-sizes // period) + 1)
    if noise_mask_fn is random_spans_noise_mask:
        mean = settings.get("mean_noise_span_length", 3.0)
        return np.minimum(greatest, noise_and_spans(np.maximum(sizes, 2), noise_density, mean)[1] + 1)
    return np.ones_like(sizes) if noise_mask_fn is random_prefix_noise_mask else greatest
