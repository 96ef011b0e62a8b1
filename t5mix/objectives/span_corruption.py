"""Span corruption: T5's default objective."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from t5mix.objectives.base import Objective
from t5mix.objectives.randomness import RandomWords, random_segments
from t5mix.objectives.spans import noise_and_spans, random_spans_lengths


@dataclasses.dataclass(frozen=True)
class SpanCorruption(Objective):
    """Span corruption: random spans of the text become sentinels, and are to be restored.

    Before: targets "thank you for inviting me to your party last week".
    After:  inputs  "thank you <X> me to your party <Y> week", targets "<X> for inviting <Y> last".

    The text is cut to the length at which the corrupted inputs, with EOS, are just as long as allowed:
    inputs of 512 take 568 tokens of text and give targets of 114.  Source: Raffel et al. 2020,
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
                f"span_corruption: inputs of {lengths['inputs']} tokens give targets of {targets}, but "
                f"the targets' length is {lengths['targets']}; raise it to {targets} or lower "
                "noise_density"
            )
        return size

    def sentinels(self, segment_length: int) -> int:
        """Returns the number of spans; see `Objective`."""
        return noise_and_spans(segment_length, self.noise_density, self.mean_noise_span_length)[1]

    def example_lengths(self, sizes: np.ndarray) -> np.ndarray:
        """Returns the lengths, which are the same whatever the noise; see `Objective`."""
        distinct, inverse = np.unique(sizes, return_inverse=True)
        table = np.empty((len(distinct), 2), dtype=np.int64)
        for row, size in enumerate(distinct.tolist()):
            noise, spans = noise_and_spans(size, self.noise_density, self.mean_noise_span_length)
            table[row] = size - noise + spans, noise + spans
        return table[inverse]

    def apply(self, tokens: np.ndarray, words: RandomWords, sentinel: int) -> dict[str, np.ndarray]:
        """Makes one example; see `Objective`."""
        noise, spans = noise_and_spans(len(tokens), self.noise_density, self.mean_noise_span_length)
        if not spans:  # a last segment of one token
            return {"inputs": tokens, "targets": tokens[:0]}
        kept_lengths = random_segments(len(tokens) - noise, spans, words)
        noise_lengths = random_segments(noise, spans, words)
        bounds = np.cumsum(np.stack([kept_lengths, noise_lengths], axis=1).reshape(-1))
        marks = np.arange(sentinel, sentinel - spans, -1, dtype=np.int32)
        # The text is kept, noise, kept, noise, ...: a span's sentinel stands before its noise in the
        # targets and in its place, behind what was kept before it, in the inputs.
        is_noise = np.zeros(len(tokens), dtype=bool)
        is_noise[_ranges(bounds[0::2], noise_lengths)] = True
        kept_ends = np.cumsum(kept_lengths)
        noise_starts = np.cumsum(noise_lengths) - noise_lengths
        return {
            "inputs": np.insert(tokens[~is_noise], kept_ends, marks),
            "targets": np.insert(tokens[is_noise], noise_starts, marks),
        }


span_corruption = SpanCorruption()


def _ranges(starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The numbers of [start, start + size) for each pair, one behind the other."""
    ends = np.cumsum(sizes)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - sizes), sizes)
