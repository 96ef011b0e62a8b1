"""Which tokens of many texts become noise. Names, settings and laws are T5's.

T5's own functions, of one text, are in `t5_denoise`. Each function here takes the lengths of texts, a density and
noises, and returns the masks of all texts, joined: bool [sum of lengths], True for noise.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from t5mix.internal.ragged import ranges
from t5mix.preprocessors.objectives.noise import Noise, random_parts, without_padding
from t5mix.preprocessors.objectives.span_corruption import noise_and_spans

MasksOfMany = Callable[..., np.ndarray]


def iid_noise_masks(lengths: np.ndarray, noise_density: float, noises: Sequence[Noise]) -> np.ndarray:
    """Makes each token noise by itself, with probability `noise_density`.

    Args:
        lengths: int64 [texts], numbers of tokens.
        noise_density: probability, 0 to 1.
        noises: one or more, of the texts.

    Returns:
        bool [sum of lengths]. Source: Raffel et al. 2020, arXiv:1910.10683, section 3.3.1.
    """
    return without_padding(noises[0].uniform(int(lengths.max(initial=0))) < noise_density, lengths)


def regular_noise_masks(
    lengths: np.ndarray,
    noise_density: float,
    noises: Sequence[Noise],
    min_span_length: int = 1,
    max_span_length: int = 5,
) -> np.ndarray:
    """Makes spans of one length noise, at equal distances; length and first position are random.

    With density 0.25 and spans of 2: `..##......##......##`.

    Args:
        lengths: int64 [texts], numbers of tokens.
        noise_density: share of noise, above 0 to 1.
        noises: two or more, of the texts.
        min_span_length: the least tokens of a span.
        max_span_length: the most tokens of a span.

    Returns:
        bool [sum of lengths].
    """
    span = min_span_length + noises[0].integers(max_span_length + 1 - min_span_length)[:, 0]
    period = np.rint(span / noise_density).astype(np.int64)
    offset = noises[1].integers(period)[:, 0]
    return ranges(offset, lengths) % np.repeat(period, lengths) < np.repeat(span, lengths)


def random_spans_noise_masks(
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
        lengths: int64 [texts], numbers of tokens.
        noise_density: share of noise, 0 to 1.
        noises: two or more, of the texts.
        mean_noise_span_length: mean tokens of a span.
        random_roll: roll the mask around by a random number of positions, so that noise may lie anywhere
            also where there is but one span.

    Returns:
        bool [sum of lengths]. Source: Raffel et al. 2020, arXiv:1910.10683, section 3.1.4.
    """
    if noise_density == 0:
        return np.zeros(int(lengths.sum()), dtype=bool)
    sizes = np.maximum(lengths, 2)
    noisy, spans = noise_and_spans(sizes, noise_density, mean_noise_span_length)
    noisy_runs = random_parts(noisy, spans, noises[0])
    nonnoise_runs = random_parts(sizes - noisy, spans, noises[1])
    runs = np.stack([nonnoise_runs, noisy_runs], axis=1).reshape(-1)
    mask = np.repeat(np.tile([False, True], len(nonnoise_runs)), runs)
    starts = np.cumsum(sizes) - sizes
    if not random_roll:
        return mask if lengths.min(initial=2) >= 2 else mask[ranges(starts, lengths)]
    shift = noises[0].fork(1)[0].integers(sizes)[:, 0]
    back = ranges(np.zeros_like(lengths), lengths) - np.repeat(shift, lengths)
    return mask[np.repeat(starts, lengths) + back % np.repeat(np.maximum(lengths, 1), lengths)]


def random_prefix_noise_masks(lengths: np.ndarray, noise_density: float, noises: Sequence[Noise]) -> np.ndarray:
    """Makes the beginning noise, up to a random position: for prefix language modelling.

    Args:
        lengths: int64 [texts], numbers of tokens.
        noise_density: above 0 to 0.5; the noise is that part of the text that `prefix_lengths` says.
        noises: one or more, of the texts.

    Returns:
        bool [sum of lengths], of each text one True or more, and one False or more if its length allows.

    Raises:
        ValueError: for another density.
    """
    prefixes = prefix_lengths(lengths, noise_density, noises[0])
    return ranges(np.zeros_like(lengths), lengths) < np.repeat(prefixes, lengths)


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
    return shortest + noise.integers(longest - shortest + 1)[:, 0]


def most_spans(
    masks_fn: MasksOfMany | None, sizes: np.ndarray | int, noise_density: float, deviations: float = 5.0
) -> np.ndarray:
    """Returns how many separate spans of noise, or between noise, a mask of so many tokens has.

    A bound that T5's masks keep: always, but for `iid_noise_masks`, whose number of spans passes it as often as a
    number is so many standard deviations above its mean: at 5 once in a million texts, at 3 once in a thousand.

    Args:
        masks_fn: a function of this module, or a partial of one with settings; None is a mask of one's own, of which
            the bound is the greatest number there can be.
        sizes: tokens of texts.
        noise_density: share of noise.
        deviations: see above.
    """
    settings: dict[str, Any] = {}
    while isinstance(masks_fn, functools.partial):
        settings = {**masks_fn.keywords, **settings}
        masks_fn = masks_fn.func
    sizes = np.asarray(sizes, dtype=np.int64)
    greatest = (sizes + 1) // 2
    if masks_fn is iid_noise_masks:
        share = noise_density * (1 - noise_density)  # a span begins with a change, at each position alike
        deviation = np.sqrt(sizes * share * (1 - 3 * share))
        return np.minimum(greatest, (sizes * share + deviations * deviation).astype(np.int64) + 2)
    if masks_fn is regular_noise_masks:
        period = max(1, round(settings.get("min_span_length", 1) / noise_density))
        return np.minimum(greatest, -(-sizes // period) + 1)
    if masks_fn is random_spans_noise_masks:
        mean = settings.get("mean_noise_span_length", 3.0)
        return np.minimum(greatest, noise_and_spans(np.maximum(sizes, 2), noise_density, mean)[1] + 1)
    return np.ones_like(sizes) if masks_fn is random_prefix_noise_masks else greatest
