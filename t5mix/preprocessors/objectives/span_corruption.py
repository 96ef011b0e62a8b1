"""Span corruption, T5's default objective, and its arithmetic of lengths."""

import dataclasses
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from t5mix.internal.ragged import Ragged, merged, ranges
from t5mix.preprocessors.objectives.base import Objective
from t5mix.preprocessors.objectives.noise import Noise, random_runs


@dataclasses.dataclass(frozen=True)
class SpanCorruption(Objective):
    """Span corruption: random spans of the text become sentinels, and are to be restored.

    Before: targets "thank you for inviting me to your party last week".
    After: inputs  "thank you <X> me to your party <Y> week", targets "<X> for inviting <Y> last".

    The text is cut to the length at which the corrupted inputs, with EOS, are just as long as allowed:
    inputs of 512 take 568 tokens of text and give targets of 114. Source: Raffel et al. 2020,
    arXiv:1910.10683, section 3.1.4 and 3.3; T5's `random_spans_noise_mask` and `random_spans_helper`.

    Attributes:
        noise_density: share of tokens to take out, in (0, 1).
        mean_noise_span_length: mean tokens of a span, at least 1.
    """

    mean_noise_span_length: float = 3.0
    noise_density: float = 0.15

    def __post_init__(self) -> None:
        if not 0 < self.noise_density < 1:
            raise ValueError(f"span_corruption: noise_density is {self.noise_density}; give 0 to 1")
        if not self.mean_noise_span_length >= 1:
            raise ValueError(
                f"span_corruption: mean_noise_span_length is {self.mean_noise_span_length}; give 1.0 or more"
            )

    @property
    def __name__(self) -> str:
        return "span_corruption"

    def segment_length(self, lengths: Mapping[str, int]) -> int:
        """Returns the tokens of text that fill the inputs; see `Objective`."""
        size, targets = random_spans_lengths(
            self._inputs_length(lengths), self.noise_density, self.mean_noise_span_length
        )
        if lengths["targets"] < targets:
            raise ValueError(
                f"span_corruption: inputs of {lengths['inputs']} tokens give targets of {targets}: Expected targets "
                f"length for span corruption ({targets}) is greater than configured targets length "
                f"({lengths['targets']}); raise it to {targets} or lower noise_density"
            )
        return size

    def sentinels(self, segment_length: int) -> int:
        """Returns the number of spans; see `Objective`."""
        return int(self._counts(np.array(segment_length))[1])

    def example_lengths(self, sizes: np.ndarray) -> np.ndarray:
        """Returns the lengths, which are the same whatever the noise; see `Objective`."""
        noise, spans = self._counts(sizes)
        return np.stack([sizes - noise + spans, noise + spans], axis=1)

    def apply(self, texts: Ragged, noise: Noise, sentinel: int) -> dict[str, Ragged]:
        """Makes many examples; see `Objective`."""
        noisy, spans = self._counts(texts.lengths)
        if spans.all():
            return _corrupted(texts, noisy, spans, noise, sentinel)
        # Segments of one token have no noise; there is at most one for each document.
        long, short = np.flatnonzero(spans), np.flatnonzero(spans == 0)
        made = _corrupted(texts.take(long), noisy[long], spans[long], noise.take(long), sentinel)
        rest = {"inputs": texts.take(short), "targets": Ragged.empty(len(short))}
        return {name: merged([(long, made[name]), (short, rest[name])], len(texts)) for name in made}

    def _counts(self, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return noise_and_spans(sizes, self.noise_density, self.mean_noise_span_length)


span_corruption = SpanCorruption()


def _corrupted(texts: Ragged, noisy: np.ndarray, spans: np.ndarray, noise: Noise, sentinel: int) -> dict[str, Ragged]:
    """Makes sentinels of spans in texts with at least one span each.

    In a text other tokens and noise alternate, other tokens first: a span's sentinel stands before its noise in the
    targets, and instead of it, behind the other tokens, in the inputs.
    """
    nonnoise_runs, noisy_runs = random_runs(texts.lengths - noisy, noisy, spans, noise)
    runs = np.stack([nonnoise_runs, noisy_runs], axis=1).reshape(-1)
    is_noise = np.repeat(np.tile([False, True], len(nonnoise_runs)), runs)
    number = np.arange(len(nonnoise_runs))
    marks = (sentinel - ranges(np.zeros_like(spans), spans)).astype(np.int32)
    inputs = _with_marks(texts.values[~is_noise], np.cumsum(nonnoise_runs) + number, marks)
    targets = _with_marks(texts.values[is_noise], np.cumsum(noisy_runs) - noisy_runs + number, marks)
    return {
        "inputs": Ragged(inputs, texts.lengths - noisy + spans),
        "targets": Ragged(targets, noisy + spans),
    }


def _with_marks(tokens: np.ndarray, where: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """Puts marks among tokens, at these places of the result."""
    made = np.empty(len(tokens) + len(marks), dtype=np.int32)
    is_token = np.ones(len(made), dtype=bool)
    is_token[where] = False
    made[where] = marks
    made[is_token] = tokens
    return made


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
        For 512: (568, 114). Source: T5's `random_spans_helper`, which gives one token too many where spans
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
