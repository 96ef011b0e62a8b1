"""Examples that an objective makes of the token cache, in NumPy.

Their noise depends on (seed, task, epoch, index) alone.
"""

import dataclasses
import functools

import numpy as np

from t5mix import objectives
from t5mix.stream import columns, keys
from t5mix.stream.endings import Ending
from t5mix.stream.examples import Examples, Tokens, as_columns

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
    endings: tuple[Ending, ...]
    key: tuple[str | int, ...]

    @property
    def count(self) -> int:  # type: ignore[override]
        """Number of segments in an epoch."""
        return len(self._segments[0])

    @functools.cached_property
    def _segments(self) -> tuple[np.ndarray, np.ndarray]:
        """Where segments start and stop in the text of all documents."""
        size = self.segment_length
        if self.objective.merge_examples_to_reduce_padding:
            documents = np.array([self.text.first_tokens[-1]])
        else:
            documents = self.text.lengths
        ends = np.cumsum(documents)
        pieces = -(-documents // size)
        number = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        starts = np.repeat(ends - documents, pieces) + number * size
        return starts, np.minimum(starts + size, np.repeat(ends, pieces))

    def lengths(self, epoch: int, indices: np.ndarray) -> np.ndarray:
        """See `Examples`."""
        sizes = self._sizes(epoch, indices)
        return as_columns(end.lengths(sizes[:, i]) for i, end in enumerate(self.endings))

    def truncates(self, indices: np.ndarray) -> np.ndarray:
        """See `Examples`."""
        sizes = self._sizes(0, indices)
        return as_columns(end.truncates(sizes[:, i]) for i, end in enumerate(self.endings))

    def gather(self, epoch: int, indices: np.ndarray) -> list[Tokens]:
        """See `Examples`."""
        made = [self._made(epoch, int(index)) for index in indices]
        return [Tokens.of([end.apply(ids[i]) for ids in made]) for i, end in enumerate(self.endings)]

    def sample(self) -> np.ndarray:
        """See `Examples`."""
        step = 1
        if self.objective.example_lengths(np.array([2])) is None:
            step = max(1, self.count // _MEASURED)
        return np.arange(0, self.count, step)

    def _sizes(self, epoch: int, indices: np.ndarray) -> np.ndarray:
        """Lengths before their endings, int64 [indices, features]."""
        starts, stops = self._segments
        both = self.objective.example_lengths(stops[indices] - starts[indices])
        if both is None:
            made = [[len(ids) for ids in self._made(epoch, int(index))] for index in indices]
            return np.array(made, dtype=np.int64).reshape(len(indices), len(self.names))
        places = {"inputs": 0, "targets": 1}
        nothing = np.zeros(len(indices), dtype=np.int64)
        return as_columns(both[:, places[name]] if name in places else nothing for name in self.names)

    def _made(self, epoch: int, index: int) -> list[np.ndarray]:
        starts, stops = self._segments
        text = self.text.span(int(starts[index]), int(stops[index]))
        words = keys.philox(("noise", *self.key), epoch, index).random_raw
        example = self.objective.apply(text, words, self.sentinel)
        return [example.get(name, np.empty(0, np.int32)) for name in self.names]
