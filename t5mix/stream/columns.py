"""Columns of the token cache: lists of numbers in Arrow's memory-mapped buffers, as NumPy views."""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa


@dataclasses.dataclass(frozen=True)
class TokenColumn:
    """One feature of every cached example; nothing is copied until it is asked for.

    Attributes:
      values: the chunks' token ids, one example behind the other.
      offsets: the chunks' example boundaries in `values`, int64 [examples + 1].
    """

    values: tuple[np.ndarray, ...]
    offsets: tuple[np.ndarray, ...]

    @functools.cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of each example, int64 [examples]."""
        return np.concatenate([np.diff(offsets) for offsets in self.offsets])

    @functools.cached_property
    def first_rows(self) -> np.ndarray:
        """The example that each chunk begins with, and the number of examples at the end."""
        return np.cumsum([0] + [len(offsets) - 1 for offsets in self.offsets])

    @functools.cached_property
    def first_tokens(self) -> np.ndarray:
        """The number of the token that each chunk begins with, and the number of tokens at the end."""
        return np.cumsum([0] + [len(values) for values in self.values])

    def row(self, index: int) -> np.ndarray:
        """Returns the tokens of one example, read-only."""
        chunk = int(np.searchsorted(self.first_rows, index, side="right")) - 1
        place = index - self.first_rows[chunk]
        start, stop = self.offsets[chunk][place : place + 2]
        return self.values[chunk][start:stop]

    def lengths_of(self, indices: np.ndarray) -> np.ndarray:
        """Returns the tokens of some examples, int64 [indices], without reading the others' lengths."""
        return self._bounds(np.asarray(indices))[2]

    def gather(self, indices: np.ndarray, most: np.ndarray | int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Returns some examples, joined one behind the other.

        Args:
          indices: integers [rows], the examples, in any order, also repeatedly.
          most: int64 [rows] or one number, how many tokens to read of each at most; None is all.

        Returns:
          Their tokens, int32 [sum of lengths], and their lengths, int64 [rows].
        """
        chunks, starts, lengths = self._bounds(np.asarray(indices))
        if most is not None:
            lengths = np.minimum(lengths, most)
        ends = np.cumsum(lengths)
        values = np.empty(int(ends[-1]) if len(ends) else 0, np.int32)
        for chunk in np.unique(chunks).tolist():
            here = np.flatnonzero(chunks == chunk) if len(self.values) > 1 else slice(None)
            read = self.values[chunk][places(starts[here], lengths[here])]
            if len(self.values) == 1:
                return read, lengths
            values[places(ends[here] - lengths[here], lengths[here])] = read
        return values, lengths

    def _bounds(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns the chunk of each example, where in it the example begins, and its length."""
        chunks = np.searchsorted(self.first_rows, indices, side="right") - 1
        starts = np.empty(len(indices), np.int64)
        stops = np.empty(len(indices), np.int64)
        for chunk in np.unique(chunks).tolist():
            here = chunks == chunk
            places = indices[here] - self.first_rows[chunk]
            starts[here] = self.offsets[chunk][places]
            stops[here] = self.offsets[chunk][places + 1]
        return chunks, starts, stops - starts

    def span(self, start: int, stop: int) -> np.ndarray:
        """Returns tokens `start` to `stop` of the examples joined one behind the other."""
        chunk = int(np.searchsorted(self.first_tokens, start, side="right")) - 1
        parts = []
        while start < stop:
            base, end = self.first_tokens[chunk], min(stop, self.first_tokens[chunk + 1])
            parts.append(self.values[chunk][start - base : end - base])
            start, chunk = end, chunk + 1
        return parts[0] if len(parts) == 1 else np.concatenate([*parts, np.empty(0, np.int32)])


@dataclasses.dataclass(frozen=True)
class EndedColumn:
    """The same examples with an EOS behind each, made as they are read.

    Attributes:
      column: the examples.
      eos: the id of EOS.
    """

    column: TokenColumn
    eos: int

    @functools.cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of each example with its EOS, int64 [examples]."""
        return self.column.lengths + 1

    @functools.cached_property
    def first_tokens(self) -> np.ndarray:
        """The number of the token that each example begins with, and the number of tokens at the end."""
        return np.concatenate([[0], np.cumsum(self.lengths)])

    def lengths_of(self, indices: np.ndarray) -> np.ndarray:
        """Returns the tokens of some examples with their EOS, int64 [indices]."""
        return self.column.lengths_of(indices) + 1

    def gather(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns some examples with their EOS, joined; see `TokenColumn.gather`."""
        values, lengths = self.column.gather(indices)
        return np.insert(values, np.cumsum(lengths), np.int32(self.eos)), lengths + 1

    def span(self, start: int, stop: int) -> np.ndarray:
        """Returns tokens `start` to `stop` of the examples joined one behind the other."""
        first = int(np.searchsorted(self.first_tokens, start, side="right")) - 1
        last = int(np.searchsorted(self.first_tokens, stop, side="left"))
        begins = self.first_tokens[first : last + 1] - np.arange(first, last + 1)
        tokens = np.insert(self.column.span(int(begins[0]), int(begins[-1])), begins[1:] - begins[0], self.eos)
        offset = int(self.first_tokens[first])
        return tokens[start - offset : stop - offset]


def places(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Returns the places of rows that begin at `starts`: starts[0], starts[0] + 1, ..., starts[1], ..."""
    ends = np.cumsum(lengths)
    places = np.repeat(starts - (ends - lengths), lengths)
    places += np.arange(len(places))
    return places


def read_table(path: Path) -> pa.Table:
    """Maps an Arrow IPC file into memory; any Arrow implementation can read it."""
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).read_all()


def token_column(table: pa.Table, name: str) -> TokenColumn:
    """Returns views of a column of lists of int32; an absent column is all empty lists."""
    if name not in table.column_names:
        nothing = np.zeros(table.num_rows + 1, dtype=np.int64)
        return TokenColumn((np.empty(0, dtype=np.int32),), (nothing,))
    chunks = [chunk for chunk in table.column(name).chunks if len(chunk)]
    return TokenColumn(tuple(_values(chunk) for chunk in chunks), tuple(_offsets(chunk) for chunk in chunks))


def _values(chunk: Any) -> np.ndarray:
    return chunk.values.to_numpy(zero_copy_only=True)


def _offsets(chunk: Any) -> np.ndarray:
    return chunk.offsets.to_numpy(zero_copy_only=True)
