"""How token sequences end: trimmed to their length, with EOS or without."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from t5mix.data.cache import columns
from t5mix.declarations.task import Task
from t5mix.internal.ragged import ranges


@dataclasses.dataclass(frozen=True)
class TrimAndEos:
    """Trims a feature's tokens to `limit` and appends EOS, as the task's steps say.

    Attributes:
        limit: tokens that a row holds, EOS included.
        eos: the id to append, or None.
        trims_first: make room for EOS (`append_eos_after_trim`); otherwise EOS is trimmed like any
            other token when there is no room for it (`append_eos`).
    """

    limit: int
    eos: int | None = None
    trims_first: bool = False

    def before_eos(self, sizes: np.ndarray) -> np.ndarray:
        """Returns how many of `sizes` tokens stay, before EOS."""
        return np.minimum(sizes, self.limit - (1 if self.eos is not None and self.trims_first else 0))

    def lengths(self, sizes: np.ndarray) -> np.ndarray:
        """Returns the length that sequences of `sizes` tokens end up with."""
        return np.minimum(self.before_eos(sizes) + (0 if self.eos is None else 1), self.limit)

    def lost(self, sizes: np.ndarray) -> np.ndarray:
        """Returns how many tokens sequences of `sizes` tokens lose, EOS included."""
        whole = sizes + (0 if self.eos is None else 1)
        return whole - self.lengths(sizes)

    def apply(self, tokens: np.ndarray) -> np.ndarray:
        """Returns the tokens of one sequence as the model gets them."""
        trimmed = tokens[: int(self.before_eos(np.array(len(tokens))))]
        if self.eos is None or len(trimmed) == self.limit:
            return trimmed
        return np.append(trimmed, np.int32(self.eos))

    def apply_to_rows(self, values: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns many sequences as the model gets them.

        Args:
            values: int32 [sum of lengths], the sequences' tokens, one behind the other.
            lengths: int64 [sequences].

        Returns:
            The same of the trimmed and ended sequences.
        """
        trimmed_lengths = self.before_eos(lengths)
        if (trimmed_lengths < lengths).any():
            starts = np.cumsum(lengths) - lengths
            values = values[ranges(starts, trimmed_lengths)]
        return self._ended(values, trimmed_lengths)

    def gather(self, column: columns.TokenColumn, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns some examples of a column as the model gets them; what is trimmed is not read.

        Returns:
            Their tokens, int32 [sum of lengths], one example behind the other, and their lengths,
            int64 [indices].
        """
        most = self.before_eos(np.array(np.iinfo(np.int64).max))
        return self._ended(*column.gather(indices, most))

    def _ended(self, values: np.ndarray, trimmed_lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Appends EOS where there is room for it."""
        if self.eos is None:
            return values, trimmed_lengths
        lengths = np.minimum(trimmed_lengths + 1, self.limit)
        is_eos = np.zeros(int(lengths.sum()), bool)
        is_eos[(np.cumsum(lengths) - 1)[lengths > trimmed_lengths]] = True
        ended = np.full(len(is_eos), self.eos, np.int32)
        ended[~is_eos] = values
        return ended, lengths


def trim_and_eos_of(
    task: Task, feature: str, limit: int, step: str | None, eos: Mapping[str, int | None]
) -> TrimAndEos:
    """Returns how a feature is trimmed and ended.

    Args:
        task: its task.
        feature: its name.
        limit: its length in tokens.
        step: the step that appends EOS, `append_eos`, `append_eos_after_trim`, or None.
        eos: the EOS of features that are declared to end with one.

    Raises:
        ValueError: naming the task and the feature, when its vocabulary has no EOS.
    """
    if step is None or feature not in eos:
        return TrimAndEos(limit)
    found = eos[feature]
    if found is None:
        raise ValueError(
            f"task {task.name!r}, feature {feature!r}: {step} needs an EOS, which the vocabulary "
            f"{task.output_features[feature].vocabulary!r} does not have; declare the feature with add_eos=False"
        )
    return TrimAndEos(limit, found, trims_first=step == "append_eos_after_trim")
