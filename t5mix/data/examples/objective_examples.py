"""Examples that an objective makes of the token cache, in NumPy.

Their noise depends on (seed, task, epoch, index) alone.
"""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np

from t5mix.data.cache import columns
from t5mix.data.examples.base import Examples, as_columns, spread_evenly
from t5mix.data.examples.trim_and_eos import TrimAndEos
from t5mix.internal import splitmix
from t5mix.internal.ragged import ranges
from t5mix.preprocessors import objectives
from t5mix.preprocessors.objectives import Noise, Ragged

# Tokens of text that an objective gets at once.
_TOKENS_AT_ONCE = 1 << 16
# Of so many documents it is held where each begins; of more, where each 64th does. Documents that are read at once.
_FEW, _DOCUMENTS, _DOCUMENTS_AT_ONCE = 1 << 18, 1 << 6, 1 << 20
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

    @property
    def lengths_vary(self) -> bool:  # type: ignore[override]
        """Whether lengths depend on noise, and not on those of the text alone."""
        return self.objective.example_lengths(np.array([2])) is None

    @functools.cached_property
    def _bounds(self) -> "_Joined | _Apart":
        if self.objective.merge_examples_to_reduce_padding:
            return _Joined(int(self.text.first_tokens[-1]), self.segment_length)
        return _Apart(self.text, self.segment_length)

    def segments_of(self, documents: np.ndarray) -> list[list[int]]:
        """Returns the segments that each of these documents stands in, given in ascending order."""
        return self._bounds.segments_of(self.text, documents)

    def lengths(self, epoch: int, indices: np.ndarray) -> np.ndarray:
        """Returns lengths; see `Examples`."""
        sizes = self._sizes(epoch, indices)
        return as_columns(trim.lengths(sizes[:, i]) for i, trim in enumerate(self.trims))

    def lost(self, epoch: int, indices: np.ndarray) -> np.ndarray:
        """Returns what trimming cuts; see `Examples`."""
        sizes = self._sizes(epoch, indices)
        return as_columns(trim.lost(sizes[:, i]) for i, trim in enumerate(self.trims))

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
        if self.lengths_vary:
            return spread_evenly(self.count, _MEASURED)
        return super().sample()

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

    def segments_of(self, text: "columns.TokenColumn | columns.EndedColumn", documents: np.ndarray) -> list[list[int]]:
        """Returns the segments that each document has tokens in."""
        sums = _before(text, documents, lambda lengths: lengths)
        stops = sums + text.lengths_of(documents)
        return [
            list(range(start // self._size, -(-stop // self._size) if stop > start else start // self._size))
            for start, stop in zip(sums.tolist(), stops.tolist(), strict=True)
        ]


class _Apart:
    """Segments that each lie within a document.

    Held are the first segment and token of each document, or, where documents are many, of every 64th: those between
    are read again when they are asked for, so that 100 million of them take 25 MB.

    Args:
        text: the documents.
        size: tokens of a segment, at most.
    """

    def __init__(self, text: "columns.TokenColumn | columns.EndedColumn", size: int) -> None:
        self._text, self._size = text, size
        self._each = 1 if text.count <= _FEW else _DOCUMENTS
        segments, tokens = [], []
        for start in range(0, text.count, _DOCUMENTS_AT_ONCE):
            lengths = text.lengths_of(np.arange(start, min(start + _DOCUMENTS_AT_ONCE, text.count)))
            groups = np.arange(0, len(lengths), self._each)
            segments.append(np.add.reduceat(self._segments(lengths), groups))
            tokens.append(np.add.reduceat(lengths, groups))
        none = np.zeros(1, np.int64)
        self._first = np.cumsum(np.concatenate([none, *segments]))  # segments before each group of documents
        self._begins = np.cumsum(np.concatenate([none, *tokens]))  # tokens before it
        self.count = int(self._first[-1])

    def of(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns where segments start and stop in the text of all documents, int64 [indices]."""
        indices = np.asarray(indices, dtype=np.int64)
        starts, stops = np.empty(len(indices), np.int64), np.empty(len(indices), np.int64)
        for at in range(0, len(indices), _DOCUMENTS_AT_ONCE // self._each):
            some = slice(at, at + _DOCUMENTS_AT_ONCE // self._each)
            starts[some], stops[some] = self._of_some(indices[some])
        return starts, stops

    def segments_of(self, text: "columns.TokenColumn | columns.EndedColumn", documents: np.ndarray) -> list[list[int]]:
        """Returns the segments of each document."""
        first = _before(text, documents, self._segments)
        stops = first + self._segments(text.lengths_of(documents))
        return [list(range(start, stop)) for start, stop in zip(first.tolist(), stops.tolist(), strict=True)]

    def _of_some(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        asked = np.unique(np.searchsorted(self._first, indices, side="right") - 1)  # groups
        sizes = np.minimum(self._text.count - asked * self._each, self._each)
        lengths = self._text.lengths_of(ranges(asked * self._each, sizes))
        # Of each document that is read, its first segment and where it begins, counted from the group of the first.
        of_group = np.repeat(np.arange(len(asked)), sizes)
        segments = self._segments(lengths)
        before = np.cumsum(sizes) - sizes
        first = _running(segments, before, of_group) + self._first[asked][of_group]
        begins = _running(lengths, before, of_group) + self._begins[asked][of_group]
        document = np.searchsorted(first, indices, side="right") - 1
        starts = begins[document] + (indices - first[document]) * self._size
        return starts, np.minimum(starts + self._size, begins[document] + lengths[document])

    def _segments(self, lengths: np.ndarray) -> np.ndarray:
        return -(-lengths // self._size)


def _before(
    text: "columns.TokenColumn | columns.EndedColumn",
    documents: np.ndarray,
    measure: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Returns the sum of a measure of lengths over all documents before each of some, which ascend, int64."""
    sums, total = np.empty(len(documents), np.int64), 0
    for start in range(0, text.count, _DOCUMENTS_AT_ONCE):
        stop = min(start + _DOCUMENTS_AT_ONCE, text.count)
        each = measure(text.lengths_of(np.arange(start, stop)))
        here = slice(*np.searchsorted(documents, [start, stop]))
        sums[here] = total + np.append(0, np.cumsum(each))[documents[here] - start]
        total += int(each.sum())
    return sums


def _running(numbers: np.ndarray, starts: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Returns the sum of the numbers before each in its group; groups begin at `starts`."""
    before = np.cumsum(numbers) - numbers
    return before - before[starts][group]


def _groups(indices: np.ndarray, segment_length: int) -> list[np.ndarray]:
    """Cuts indices into groups whose work fits a processor's cache."""
    size = max(1, _TOKENS_AT_ONCE // segment_length)
    return [indices[start : start + size] for start in range(0, len(indices), size)]
