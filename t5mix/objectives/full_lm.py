"""Language modelling: the text as it is, to be predicted from its beginning."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from t5mix.objectives.base import Objective
from t5mix.objectives.randomness import RandomWords


@dataclasses.dataclass(frozen=True)
class FullLM(Objective):
    """Language modelling of documents that are joined, with an EOS behind each, and cut.

    Before: targets "thank you" and "for inviting me", a length of 3.  After: targets "thank you </s>",
    "for inviting me", "</s>".

    It makes targets only, and no further EOS is to be appended.  Source: T5's `full_lm`.
    """

    @property
    def __name__(self) -> str:
        return "full_lm"

    @property
    def features(self) -> tuple[str, ...]:
        """Targets only; see `Objective`."""
        return ("targets",)

    @property
    def ends_documents(self) -> bool:
        """Yes; see `Objective`."""
        return True

    def segment_length(self, lengths: Mapping[str, int]) -> int:
        """Returns the targets' length; see `Objective`."""
        return lengths["targets"] - (self.reserved_for_packing or 0)

    def sentinels(self, segment_length: int) -> int:
        """Returns 0; see `Objective`."""
        return 0

    def example_lengths(self, sizes: np.ndarray) -> np.ndarray:
        """Returns no inputs and the whole text; see `Objective`."""
        return np.stack([np.zeros_like(sizes), sizes], axis=1).astype(np.int64)

    def apply(self, tokens: np.ndarray, words: RandomWords, sentinel: int) -> dict[str, np.ndarray]:
        """Makes one example; see `Objective`."""
        return {"targets": tokens}


full_lm = FullLM()
