"""Language modelling: the text as it is, to be predicted from its beginning or from a prefix."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from t5mix.internal.ragged import Ragged, ranges
from t5mix.preprocessors.objectives import noise_masks
from t5mix.preprocessors.objectives.base import Objective
from t5mix.preprocessors.objectives.noise import Noise


@dataclasses.dataclass(frozen=True)
class LanguageModel(Objective):
    """Language modelling of documents that are joined and cut.

    Before: targets "thank you" and "for inviting me", a length of 4. After: targets "thank you for",
    "inviting me"; an EOS step behind it gives each an EOS.

    It makes targets only. Source: T5's `lm`.
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

    Before: targets "thank you" and "for inviting me", a length of 3. After: targets "thank you </s>",
    "for inviting me", "</s>".

    It makes targets only, and no further EOS is to be appended. Source: T5's `full_lm`.
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


@dataclasses.dataclass(frozen=True)
class PrefixLM(Objective):
    """Prefix language modelling: the text is cut at random, and its rest is to be continued.

    Before: targets "thank you for inviting me". After: inputs "thank you", targets "for inviting me".

    Each cut is equally likely, or, at a lower density, each of the later ones. The text is cut so that inputs and
    targets fit with EOS. Source: Raffel et al. 2020, arXiv:1910.10683, section 3.3.1; T5's `prefix_lm`, whose
    documents are not joined.

    Attributes:
        noise_density: the mean share of the targets, above 0 to 0.5.
    """

    merge_examples_to_reduce_padding: bool = False
    noise_density: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.noise_density <= 0.5:
            raise ValueError(f"prefix_lm: noise_density is {self.noise_density}; give more than 0, up to 0.5")

    @property
    def __name__(self) -> str:
        return "prefix_lm"

    def segment_length(self, lengths: Mapping[str, int]) -> int:
        """Returns what inputs hold with EOS, and targets, which lack the first token; see `Objective`."""
        return max(1, min(self._inputs_length(lengths) - 1, lengths["targets"]))

    def sentinels(self, segment_length: int) -> int:
        """Returns 0; see `Objective`."""
        return 0

    def apply(self, texts: Ragged, noise: Noise, sentinel: int) -> dict[str, Ragged]:
        """Makes many examples; see `Objective`."""
        cuts = noise_masks.prefix_lengths(texts.lengths, self.noise_density, noise)
        rest = texts.lengths - cuts
        return {
            "inputs": Ragged(texts.values[ranges(texts.starts, cuts)], cuts),
            "targets": Ragged(texts.values[ranges(texts.starts + cuts, rest)], rest),
        }


prefix_lm = PrefixLM()
