"""Examples that an objective makes of the token cache, in NumPy.

Their noise depends on (seed, task, epoch, index) alone.
"""

import dataclasses
import functools

import numpy as np

from t5mix.data.cache import columns
from t5mix.data.examples.base import Examples, as_columns
from t5mix.data.examples.trim_and_eos import TrimAndEos
from t5mix.internal import splitmix
from t5mix.preprocessors import objectives
from t5mix.preprocessors.objectives import Noise, Ragged

# Tokens of text that an objective gets at once.
_TOKENS_AT_ONCE = 1 << 16
# Lengths that depend on noise are measured on so many examples where all would take long.
_MEASURED = 1000


@dataclasses.dataclass(frozen=True)
class ObjectiveExamples(Examples):
    """Examples that an objective makes of segments of text, with fresh noise in each epoch."""

    objective: objectives.Objective
    text: columns.TokenColumn | columns.EndedColumn
    segment_length: int
    sentinel: int
    names: tuple[str, ...]
    trims: tuple[TrimAndEos, ...]
    key: tuple[str | int, ...]

    @property
    def count(self) -> int:  # type: ignore[override]
        """Number of segments in an epoch."""
        return self._bounds.count

    @functools.cached_property
    def _bounds(self) -> "_Joined | _Apart":
        if self.objective.merge_examples_to_reduce_padding:
            return _Joined(int(self.text.first_tokens[-1]), self.segment_length)
        return _Apart(self.text.lengths, self.segment_length)

    def lengths(self, epoch: int, indices: np.ndarray) -> np.ndarray:
        """Returns lengths; see `Examples`."""
        sizes = self._sizes(epoch, indices)
        return as_columns(trim.lengths(sizes[:, i]) for i, trim in enumerate(self.trims))

    def truncates(self, indices: np.ndarray) -> np.ndarray:
        """Tells whether trimming cuts; see `Examples`."""
        sizes = self._sizes(0, indices)
        return as_columns(trim.truncates(sizes[:, i]) for i, trim in enumerate(self.trims))

    def gather(self, epoch: int, indices: np.ndarray) -> list[Ragged]:
        """Returns tokens; see `Examples`."""
        parts = [self._made(epoch, some) for some in _groups(np.asarray(indices), self.segment_length)]
        joined = []
        for feature, trim in enumerate(self.trims):
            values = np.concatenate([np.empty(0, np.int32), *(part[feature].values for part in parts)])
            lengths = np.concatenate([np.empty(0, np.int64), *(part[feature].lengths for part in parts)])
            joined.append(Ragged(*trim.apply_to_rows(values, lengths)))
        return joined

    def sample(self) -> np.ndarray:
        """Returns a sample; see `Examples`."""
        step = 1
        if self.objective.example_lengths(np.array([2])) is None:
            step = max(1, self.count // _MEASURED)
        return np.arange(0, self.count, step)

    def _sizes(self, epoch: int, indices: np.ndarray) -> np.ndarray:
        """Returns lengths before trimming and EOS, int64 [indices, features]."""
        starts, stops = self._bounds.of(indices)
        both = self.objective.example_lengths(stops - starts)
        if both is None:
            parts = [self._made(epoch, some) for some in _groups(np.asarray(indices), self.segment_length)]
            none = np.empty((0, len(self.names)), dtype=np.int64)
            return np.concatenate([none, *(as_columns(made.lengths for made in part) for part in parts)])
        columns_of = {"inputs": 0, "targets": 1}
        nothing = np.zeros(len(indices), dtype=np.int64)
        return as_columns(both[:, columns_of[name]] if name in columns_of else nothing for name in self.names)

    def _made(self, epoch: int, indices: np.ndarray) -> list[Ragged]:
        """Returns features of these examples, before trimming and EOS."""
        texts = Ragged(*self.text.spans(*self._bounds.of(indices)))
        noise = Noise.of(splitmix.key_words(("noise", *self.key, epoch)), indices)
        made = self.objective.apply(texts, noise, self.sentinel)
        return [made[name] if name in made else Ragged.empty(len(indices)) for name in self.names]


class _Joined:
    """Segments of all documents joined: each is full but for the last, and arithmetic finds it.

    Args:
        tokens: tokens of all documents.
        size: tokens of a segment.
    """

    def __init__(self, tokens: int, size: int) -> None:
        self.count = -(-tokens // size)
        self._tokens, self._size = tokens, size

    def of(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns where segments start and stop in the text of all documents, int64 [indices]."""
        starts = np.asarray(indices, dtype=np.int64) * self._size
        return starts, np.minimum(starts + self._size, self._tokens)


class _Apart:
    """Segments that each lie within a document.

    Args:
        documents: tokens of each document, int64 [documents].
        size: tokens of a segment, at most.
    """

    def __init__(self, documents: np.ndarray, size: int) -> None:
        self._size = size
        self._ends = np.cumsum(documents)
        self._begins = self._ends - documents
        counts = -(-documents // size)
        self._first = np.cumsum(counts) - counts
        self.count = int(counts.sum())

    def of(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns where segments start and stop in the text of all documents, int64 [indices]."""
        document = np.searchsorted(self._first, indices, side="right") - 1
        starts = self._begins[document] + (indices - self._first[document]) * self._size
        return starts, np.minimum(starts + self._size, self._ends[document])


def _groups(indices: np.ndarray, segment_length: int) -> list[np.ndarray]:
    """Cuts indices into groups whose work fits a processor's cache."""
    size = max(1, _TOKENS_AT_ONCE // segment_length)
    return [indices[start : start + size] for start in range(0, len(indices), size)]
