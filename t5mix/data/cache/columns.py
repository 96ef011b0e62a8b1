"""Columns of tokens: lists of ids, of which many are read at once by a few NumPy calls.

A column is chunked: its chunks are record batches of files, or arrays, one behind the other. An example is found by
its chunk and its row there; a token by its number in the examples joined one behind the other.

Shapes: C chunks, N examples or spans asked for, L their tokens in all (the sum of their lengths).
"""

import abc
import dataclasses
import functools
from typing import Any

import numpy as np

from t5mix.internal.ragged import ranges


class TokenColumn(abc.ABC):
    """One feature of every example; nothing is copied until it is asked for.

    Attributes:
        first_rows: int64 [C + 1], the example that each chunk begins with, and how many there are.
        first_tokens: int64 [C + 1], the token that each chunk begins with, and how many there are.
    """

    first_rows: np.ndarray
    first_tokens: np.ndarray

    @abc.abstractmethod
    def _bounds(self, chunks: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns where rows begin and end, int64 [N] each, in tokens from the beginning of their chunk.

        Args:
            chunks: int64 [N], the chunk of each row.
            rows: int64 [N], its number in the chunk.
        """

    @abc.abstractmethod
    def _read(self, chunks: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Returns spans of chunks, joined, int32 [L].

        Args:
            chunks: int64 [N], the chunk of each span.
            starts: int64 [N], where it begins, in tokens from the beginning of the chunk.
            lengths: int64 [N].
        """

    def release(self) -> None:  # noqa: B027  # most hold nothing
        """Releases what is held of files in memory; it is read again when it is needed."""

    @property
    def count(self) -> int:
        """Number of examples."""
        return int(self.first_rows[-1])

    @property
    def tokens(self) -> int:
        """Number of tokens."""
        return int(self.first_tokens[-1])

    @functools.cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of each example, int64 [examples]: 8 bytes an example, kept; `lengths_of` reads a few."""
        return self.lengths_of(np.arange(self.count))

    def lengths_of(self, indices: np.ndarray) -> np.ndarray:
        """Returns the tokens of some examples, int64 [indices], without reading the others' lengths."""
        starts, stops = self._bounds(*self._chunks_and_rows(np.asarray(indices)))
        return stops - starts

    def gather(self, indices: np.ndarray, most: np.ndarray | int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Returns some examples, joined one behind the other.

        Args:
            indices: integers [N], the examples, in any order, also repeatedly.
            most: int64 [N] or one number, how many tokens to read of each at most; None is all.

        Returns:
            Their tokens, int32 [L], and their lengths, int64 [N].
        """
        chunks, rows = self._chunks_and_rows(np.asarray(indices))
        starts, stops = self._bounds(chunks, rows)
        lengths = stops - starts
        if most is not None:
            lengths = np.minimum(lengths, most)
        return self._read(chunks, starts, lengths), lengths

    def spans(self, starts: np.ndarray, stops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns spans of the examples joined one behind the other.

        Args:
            starts: integers [N], the first token of each.
            stops: integers [N], the token behind the last of each.

        Returns:
            Their tokens, joined, int32 [L], and their lengths, int64 [N].
        """
        starts, stops = np.asarray(starts, np.int64), np.asarray(stops, np.int64)
        first = np.searchsorted(self.first_tokens, starts, side="right") - 1
        last = np.maximum(np.searchsorted(self.first_tokens, stops, side="left"), first + 1)
        # A span that reaches into another chunk is read in several.
        chunks = ranges(first, last - first)
        begins = np.maximum(np.repeat(starts, last - first), self.first_tokens[chunks])
        ends = np.minimum(np.repeat(stops, last - first), self.first_tokens[np.minimum(chunks + 1, self._num_chunks)])
        chunks = np.minimum(chunks, self._num_chunks - 1)
        return self._read(chunks, begins - self.first_tokens[chunks], np.maximum(ends - begins, 0)), stops - starts

    def begins(self, indices: np.ndarray) -> np.ndarray:
        """Returns the number of the token that examples begin with, int64; one past the last gives all tokens."""
        indices = np.asarray(indices, np.int64)
        if not self.count:
            return np.zeros(indices.shape, np.int64)
        chunks, rows = self._chunks_and_rows(np.minimum(indices, self.count - 1))
        starts, stops = self._bounds(chunks, rows)
        return self.first_tokens[chunks] + np.where(indices < self.count, starts, stops)

    def row(self, index: int) -> np.ndarray:
        """Returns the tokens of one example."""
        return self.gather(np.array([index]))[0]

    def span(self, start: int, stop: int) -> np.ndarray:
        """Returns tokens `start` to `stop` of the examples joined one behind the other."""
        return self.spans(np.array([start]), np.array([stop]))[0]

    @property
    def _num_chunks(self) -> int:
        return len(self.first_rows) - 1

    def _chunks_and_rows(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the chunk of each example, and its row there, int64 [N] each."""
        if self._num_chunks == 1:
            return np.zeros(len(indices), np.int64), indices
        chunks = np.searchsorted(self.first_rows, indices, side="right") - 1
        return chunks, indices - self.first_rows[chunks]


class ArrayColumn(TokenColumn):
    """A column in memory.

    Args:
        values: the chunks' token ids, int32, one example behind the other.
        offsets: the chunks' example boundaries in `values`, int64 [examples + 1].
    """

    def __init__(self, values: tuple[np.ndarray, ...], offsets: tuple[np.ndarray, ...]) -> None:
        self._values, self._offsets = values, offsets
        self.first_rows = np.cumsum([0] + [len(chunk) - 1 for chunk in offsets])
        self.first_tokens = np.cumsum([0] + [len(chunk) for chunk in values])

    def _bounds(self, chunks: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        starts, stops = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
        for chunk, here in by_number(chunks):
            starts[here], stops[here] = self._offsets[chunk][rows[here]], self._offsets[chunk][rows[here] + 1]
        return starts, stops

    def _read(self, chunks: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return read_spans(
            chunks, starts, lengths, lambda chunk, begins, sizes: self._values[chunk][ranges(begins, sizes)]
        )


class EmptyColumn(TokenColumn):
    """The column of a feature that no example has: empty lists."""

    def __init__(self, count: int) -> None:
        self.first_rows, self.first_tokens = np.array([0, count]), np.zeros(2, np.int64)

    def _bounds(self, chunks: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)

    def _read(self, chunks: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return np.empty(0, np.int32)


@dataclasses.dataclass(frozen=True)
class EndedColumn:
    """The same examples with an EOS behind each, made as they are read.

    Attributes:
        column: the examples.
        eos: the id of EOS.
    """

    column: TokenColumn
    eos: int

    @property
    def count(self) -> int:
        """Number of examples."""
        return self.column.count

    @property
    def tokens(self) -> int:
        """Number of tokens, EOS included."""
        return self.column.tokens + self.column.count

    @functools.cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of each example with its EOS, int64 [examples]; see `TokenColumn.lengths`."""
        return self.column.lengths + 1

    @property
    def first_rows(self) -> np.ndarray:
        """The example that each chunk begins with; see `TokenColumn`."""
        return self.column.first_rows

    @property
    def first_tokens(self) -> np.ndarray:
        """The token that each chunk begins with; see `TokenColumn`."""
        return self.column.first_tokens + self.column.first_rows

    def lengths_of(self, indices: np.ndarray) -> np.ndarray:
        """Returns the tokens of some examples with their EOS, int64 [indices]."""
        return self.column.lengths_of(indices) + 1

    def gather(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns some examples with their EOS, joined; see `TokenColumn.gather`."""
        values, lengths = self.column.gather(indices)
        return np.insert(values, np.cumsum(lengths), np.int32(self.eos)), lengths + 1

    def spans(self, starts: np.ndarray, stops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns spans of the examples with their EOS, joined; see `TokenColumn.spans`."""
        starts, stops = np.asarray(starts, np.int64), np.asarray(stops, np.int64)
        first, last = self._ended_before(np.concatenate([starts, stops])).reshape(2, -1)
        # Each EOS before a position is one token that the column itself does not have there.
        begins = starts - first
        values, lengths = self.column.spans(begins, stops - last)
        ended = ranges(first, last - first)
        out = np.cumsum(lengths) - lengths - begins
        ends = self.column.begins(ended + 1) + np.repeat(out, last - first)
        return np.insert(values, ends, np.int32(self.eos)), stops - starts

    def span(self, start: int, stop: int) -> np.ndarray:
        """Returns tokens `start` to `stop` of the examples joined one behind the other."""
        return self.spans(np.array([start]), np.array([stop]))[0]

    def _ended_before(self, tokens: np.ndarray) -> np.ndarray:
        """Returns how many examples have ended, EOS included, before each of these tokens."""
        chunks = np.clip(np.searchsorted(self.first_tokens, tokens, side="right") - 1, 0, len(self.first_rows) - 2)
        low, high = self.first_rows[chunks], self.first_rows[chunks + 1]
        # The last example that begins at the token or before it, by halves, of all positions at once.
        while (low < high).any():
            middle = (low + high + 1) // 2
            begun = self.column.begins(middle) + middle <= tokens
            low, high = np.where(begun, middle, low), np.where(begun, high, middle - 1)
        return low


def by_number(numbers: np.ndarray) -> list[tuple[int, Any]]:
    """Returns each of `numbers` once, with the index of each number among them."""
    if len(numbers) == 0:
        return []
    if numbers[0] == numbers[-1] and (numbers == numbers[0]).all():
        return [(int(numbers[0]), slice(None))]
    order = np.argsort(numbers, kind="stable")
    found, starts = np.unique(numbers[order], return_index=True)
    return list(zip(found.tolist(), np.split(order, starts[1:]), strict=True))


def read_spans(numbers: np.ndarray, starts: np.ndarray, lengths: np.ndarray, read: Any) -> np.ndarray:
    """Joins spans of several arrays in the order asked for, int32 [L].

    Args:
        numbers: int64 [N], which array each span is of.
        starts: int64 [N], where in it the span begins.
        lengths: int64 [N].
        read: `read(number, starts, lengths)` returns joined spans of one array.
    """
    groups = by_number(numbers)
    if len(groups) == 1:
        return read(groups[0][0], starts, lengths)
    ends = np.cumsum(lengths)
    values = np.empty(int(ends[-1]) if len(ends) else 0, np.int32)
    for number, here in groups:
        values[ranges(ends[here] - lengths[here], lengths[here])] = read(number, starts[here], lengths[here])
    return values
