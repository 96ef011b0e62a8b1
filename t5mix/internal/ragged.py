"""Lists of different lengths in one array: the tokens of many examples, and what is computed of all at once."""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Ragged:
    """Lists of different lengths, one behind the other.

    Attributes:
        values: [sum of lengths], mostly int32 token ids.
        lengths: int64 [rows].
    """

    values: np.ndarray
    lengths: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[np.ndarray]) -> "Ragged":
        """Joins lists of token ids, int32."""
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        return cls(np.concatenate([np.empty(0, np.int32), *rows]), lengths)

    @classmethod
    def joined(cls, parts: Sequence["Ragged"]) -> "Ragged":
        """Returns the lists of all parts, one part behind the other."""
        return cls(np.concatenate([part.values for part in parts]), np.concatenate([part.lengths for part in parts]))

    @classmethod
    def empty(cls, rows: int) -> "Ragged":
        """Returns so many empty lists."""
        return cls(np.empty(0, np.int32), np.zeros(rows, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.lengths)

    @functools.cached_property
    def starts(self) -> np.ndarray:
        """Where each list begins in `values`, int64 [rows]."""
        return np.cumsum(self.lengths) - self.lengths

    def rows(self) -> list[np.ndarray]:
        """Returns the lists, as views."""
        return np.split(self.values, self.starts[1:]) if len(self) else []

    def take(self, rows: np.ndarray) -> "Ragged":
        """Returns the lists of these numbers, in this order."""
        lengths = self.lengths[rows]
        return Ragged(self.values[ranges(self.starts[rows], lengths)], lengths)

    def where(self, mask: np.ndarray) -> "Ragged":
        """Returns the lists with only the values at which `mask`, bool like `values`, is True."""
        return Ragged(self.values[mask], row_sums(mask, self.lengths))


def ranges(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Returns start, start + 1, ... for each pair, one list behind the other, int64 [sum of lengths]."""
    made = np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)
    made += np.arange(len(made))
    return made


def row_sums(values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Returns the sum of each list, int64 [rows]; `values` are those of all lists, numbers or bools."""
    total = np.concatenate([[0], np.cumsum(values, dtype=np.int64)])
    ends = np.cumsum(lengths)
    return total[ends] - total[ends - lengths]


def running_counts(marks: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Counts marks from each list's beginning, up to each position and with it, int64 like `marks`."""
    total = np.concatenate([[0], np.cumsum(marks, dtype=np.int64)])
    return total[1:] - np.repeat(total[np.cumsum(lengths) - lengths], lengths)


def run_starts(marks: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Tells where runs of True begin within each list, bool like `marks`."""
    before = np.empty_like(marks)
    before[:1], before[1:] = False, marks[:-1]
    ends = np.cumsum(lengths)
    starts = (ends - lengths)[lengths > 0]
    before[starts] = False
    return marks & ~before


def merged(parts: Sequence[tuple[np.ndarray, Ragged]], count: int) -> Ragged:
    """Joins parts of `count` lists, each with the numbers that its lists shall have."""
    joined = Ragged(
        np.concatenate([np.empty(0, np.int32), *(part.values for _, part in parts)]),
        np.concatenate([np.empty(0, np.int64), *(part.lengths for _, part in parts)]),
    )
    order = np.empty(count, dtype=np.int64)
    order[np.concatenate([np.empty(0, np.int64), *(numbers for numbers, _ in parts)])] = np.arange(count)
    return joined.take(order)
