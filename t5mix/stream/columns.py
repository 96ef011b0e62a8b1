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

    def span(self, start: int, stop: int) -> np.ndarray:
        """Returns tokens `start` to `stop` of the examples joined one behind the other."""
        first = int(np.searchsorted(self.first_tokens, start, side="right")) - 1
        last = int(np.searchsorted(self.first_tokens, stop, side="left"))
        begins = (self.first_tokens - np.arange(len(self.first_tokens)))[first : last + 1]
        tokens = np.insert(self.column.span(int(begins[0]), int(begins[-1])), begins[1:] - begins[0], self.eos)
        offset = int(self.first_tokens[first])
        return tokens[start - offset : stop - offset]


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
