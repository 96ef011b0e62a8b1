"""Prefix language modelling."""

import dataclasses
from collections.abc import Mapping

from t5mix.objectives import noise_masks
from t5mix.objectives.base import Objective
from t5mix.objectives.ragged import Ragged, places
from t5mix.objectives.randomness import Noise


@dataclasses.dataclass(frozen=True)
class PrefixLM(Objective):
    """Prefix language modelling: the text is cut at random, and its rest is to be continued.

    Before: targets "thank you for inviting me".  After: inputs "thank you", targets "for inviting me".

    Each cut is equally likely, or, at a lower density, each of the later ones.  The text is cut so that inputs and
    targets fit with EOS.  Source: Raffel et al. 2020, arXiv:1910.10683, section 3.3.1; T5's `prefix_lm`, whose
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
            "inputs": Ragged(texts.values[places(texts.starts, cuts)], cuts),
            "targets": Ragged(texts.values[places(texts.starts + cuts, rest)], rest),
        }


prefix_lm = PrefixLM()
