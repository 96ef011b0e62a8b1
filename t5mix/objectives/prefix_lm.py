"""Prefix language modelling."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from t5mix.objectives.base import Objective
from t5mix.objectives.randomness import RandomWords, random_number


@dataclasses.dataclass(frozen=True)
class PrefixLM(Objective):
    """Prefix language modelling: the text is cut at random, and its rest is to be continued.

    Before: targets "thank you for inviting me".  After: inputs "thank you", targets "for inviting me".

    Each cut is equally likely.  Source: Raffel et al. 2020, arXiv:1910.10683, section 3.3.1; T5's
    `prefix_lm`, whose documents are not joined.
    """

    merge_examples_to_reduce_padding: bool = False

    @property
    def __name__(self) -> str:
        return "prefix_lm"

    def segment_length(self, lengths: Mapping[str, int]) -> int:
        """Returns the inputs' length, as T5 does; see `Objective`."""
        return self._inputs_length(lengths)

    def sentinels(self, segment_length: int) -> int:
        """Returns 0; see `Objective`."""
        return 0

    def apply(self, tokens: np.ndarray, words: RandomWords, sentinel: int) -> dict[str, np.ndarray]:
        """Makes one example; see `Objective`."""
        cut = 1 + random_number(len(tokens) - 1, words) if len(tokens) > 1 else 0
        return {"inputs": tokens[:cut], "targets": tokens[cut:]}


prefix_lm = PrefixLM()
