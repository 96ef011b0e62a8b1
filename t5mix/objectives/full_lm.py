"""Language modelling: the text as it is, to be predicted from its beginning."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from t5mix.objectives.base import Objective
from t5mix.objectives.ragged import Ragged
from t5mix.objectives.randomness import Noise


@dataclasses.dataclass(frozen=True)
class LanguageModel(Objective):
    """Language modelling of documents that are joined and cut.

    Before: targets "thank you" and "for inviting me", a length of 4.  After: targets "thank you for",
    "inviting me"; an EOS step behind it gives each an EOS.

    It makes targets only.  Source: T5's `lm`.
    """

    @property
    def __name__(self) -> str:
        return "lm"

    @property
    def features(self) -> tuple[str, ...]:
        """Targets only; see `Objective`."""
        return ("targets",)

    def segment_length(self, lengths: Mapping[str, int]) -> int:
        """Returns what targets hold with EOS; see `Objective`."""
        return self._targets_length(lengths, 1)

    def sentinels(self, segment_length: int) -> int:
        """Returns 0; see `Objective`."""
        return 0

    def example_lengths(self, sizes: np.ndarray) -> np.ndarray:
        """Returns no inputs and the whole text; see `Objective`."""
        return np.stack([np.zeros_like(sizes), sizes], axis=1).astype(np.int64)

    def apply(self, texts: Ragged, noise: Noise, sentinel: int) -> dict[str, Ragged]:
        """Makes many examples; see `Objective`."""
        return {"targets": texts}

    def _targets_length(self, lengths: Mapping[str, int], eos: int) -> int:
        length = lengths["targets"] - (self.reserved_for_packing or 0) - eos
        if length < 1:
            raise ValueError(f"{self.__name__}: {lengths['targets']} targets tokens hold no text; give more")
        return length


@dataclasses.dataclass(frozen=True)
class FullLM(LanguageModel):
    """Language modelling of documents that are joined, with an EOS behind each, and cut.

    Before: targets "thank you" and "for inviting me", a length of 3.  After: targets "thank you </s>",
    "for inviting me", "</s>".

    It makes targets only, and no further EOS is to be appended.  Source: T5's `full_lm`.
    """

    @property
    def __name__(self) -> str:
        return "full_lm"

    @property
    def ends_documents(self) -> bool:
        """Yes; see `Objective`."""
        return True

    def segment_length(self, lengths: Mapping[str, int]) -> int:
        """Returns the targets' length; see `Objective`."""
        return self._targets_length(lengths, 0)


lm = LanguageModel()
full_lm = FullLM()
