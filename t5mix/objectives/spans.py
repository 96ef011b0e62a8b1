"""How many noise tokens and spans a text gets, and how long that makes inputs and targets."""

import logging
from typing import Any

import numpy as np

_log = logging.getLogger(__name__)


def random_spans_lengths(
    inputs_length: int,
    noise_density: float = 0.15,
    mean_noise_span_length: float = 3.0,
    extra_tokens_per_span_inputs: int = 1,
    extra_tokens_per_span_targets: int = 1,
    verbose: bool = False,
) -> tuple[int, int]:
    """Returns how much text span corruption takes, and how long its targets get.

    Args:
      inputs_length: length of the corrupted inputs, with EOS.
      noise_density: share of tokens taken out.
      mean_noise_span_length: mean tokens of a span.
      extra_tokens_per_span_inputs: tokens that stand for a span in the inputs: its sentinel.
      extra_tokens_per_span_targets: tokens that a span adds to the targets.
      verbose: log the lengths.

    Returns:
      The greatest number of text tokens whose inputs fit, and the targets' length, with EOS.
      For 512: (568, 114).  Source: T5's `random_spans_helper`, which gives one token too many where spans
      are of one token, or there is but one.
    """

    def lengths(size: int) -> tuple[int, int]:
        noise, spans = noise_and_spans(size, noise_density, mean_noise_span_length)
        return (
            int(size - noise + spans * extra_tokens_per_span_inputs + 1),
            int(noise + spans * extra_tokens_per_span_targets + 1),
        )

    size = inputs_length
    while lengths(size)[0] > inputs_length:
        size -= 1
    while lengths(size + 1)[0] <= inputs_length:
        size += 1
    targets = lengths(size)[1]
    if noise_density == 0.5 and targets > inputs_length:
        # T5 prefers targets that are no longer than the inputs.
        size, targets = size - 1, targets - 1
    if verbose:
        _log.info("span corruption: inputs of %d tokens take %d and give targets of %d", inputs_length, size, targets)
    return size, targets


def random_spans_tokens_length(inputs_length: int, **settings: Any) -> int:
    """Returns how much text span corruption takes; see `random_spans_lengths`."""
    return random_spans_lengths(inputs_length, **settings)[0]


def random_spans_targets_length(inputs_length: int, **settings: Any) -> int:
    """Returns how long span corruption's targets get; see `random_spans_lengths`."""
    return random_spans_lengths(inputs_length, **settings)[1]


def noise_and_spans(sizes: np.ndarray | int, density: float, mean_span: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns the number of noise tokens and of noise spans in texts of so many tokens, int64 like `sizes`.

    Text of one token has no noise.
    """
    sizes = np.asarray(sizes, dtype=np.int64)
    noise = np.minimum(np.maximum(_rounded(sizes * density), 1), sizes - 1)
    noise = np.maximum(noise, 0)
    spans = np.minimum(np.maximum(_rounded(noise / mean_span), 1), np.minimum(noise, sizes - noise))
    return noise, np.maximum(spans, 0)


def _rounded(numbers: np.ndarray) -> np.ndarray:
    return np.rint(numbers).astype(np.int64)


# T5's name.
random_spans_helper = random_spans_lengths
