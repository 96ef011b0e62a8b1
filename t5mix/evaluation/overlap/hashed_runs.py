"""Hashes of whole texts, of runs of words and of runs of characters, of many texts at once.

A run's hash is a polynomial in its parts, taken from sums that are made once for all runs:

1. The texts stand behind one another, as code points c[0], c[1], .., with END between them.
2. S[i] = sum of (c[j] + 1) * B**j over j < i, modulo 2**64, for an odd B.
3. The hash of c[i:k] is (S[k] - S[i]) * B**-i, mixed so that all bits depend on all characters.
4. The hashes of words stand behind one another in the same way, and give those of runs of words.

Equal runs have equal hashes; what has equal hashes is compared letter by letter by those who ask (`ledger.py`).

Shapes: C characters, W words, N texts.
"""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from t5mix.evaluation.overlap.normalized import END
from t5mix.internal.splitmix import mix_in_place

# Odd, so that it has an inverse modulo 2**64; otherwise any.
_BASE = 0xD1342543DE82EF95
_INVERSE = pow(_BASE, -1, 1 << 64)
_BLANK = ord(" ")


@dataclasses.dataclass(frozen=True)
class Runs:
    """Runs of texts.

    Attributes:
        hashes: uint64, of each run.
        text: int64, the text that each is in.
        start: int64, its first character, counted from the text's.
        stop: int64, the character behind its last.
    """

    hashes: np.ndarray
    text: np.ndarray
    start: np.ndarray
    stop: np.ndarray

    def take(self, which: np.ndarray) -> "Runs":
        """Returns these runs."""
        return Runs(self.hashes[which], self.text[which], self.start[which], self.stop[which])


class HashedTexts:
    """Normalized texts, ready to be hashed.

    Args:
        texts: from `normalized.normalized_together`.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        joined = END.join(texts)
        self._points = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)  # [C]
        sizes = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
        self._first = np.append(0, np.cumsum(sizes + 1))  # [N + 1], where each text begins
        self._sizes = sizes
        self._sums = _sums(self._points.astype(np.uint64) + np.uint64(1))

    @functools.cached_property
    def _words(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where each word begins and ends, and its text, int64 [W] each."""
        between = np.ones(len(self._points) + 2, dtype=bool)
        between[1:-1] = (self._points == _BLANK) | (self._points == ord(END))
        starts = np.flatnonzero(between[:-1] & ~between[1:])
        stops = np.flatnonzero(~between[:-1] & between[1:])
        return starts, stops, np.searchsorted(self._first, starts, side="right") - 1

    @property
    def words_each(self) -> np.ndarray:
        """How many words each text has, int64 [N]."""
        return np.bincount(self._words[2], minlength=len(self._sizes))

    def whole(self) -> Runs:
        """Returns each text that is not empty as one run."""
        text = np.flatnonzero(self._sizes)
        start = self._first[text]
        return self._runs(_hashes(self._sums, start, start + self._sizes[text]), text, start, start + self._sizes[text])

    def of_words(self, count: int) -> Runs:
        """Returns every run of `count` words within a text."""
        starts, stops, text = self._words
        first = np.arange(max(0, len(starts) - count + 1))
        first = first[text[first] == text[first + count - 1]]
        sums = _sums(mix_in_place(_hashes(self._sums, starts, stops)))
        begin, end = starts[first], stops[first + count - 1]
        return self._runs(_hashes(sums, first, first + count), text[first], begin, end)

    def of_characters(self, count: int) -> Runs:
        """Returns every run of `count` characters within a text, blanks between words included."""
        text = np.repeat(np.arange(len(self._sizes)), np.maximum(0, self._sizes - count + 1))
        each = np.maximum(0, self._sizes - count + 1)
        start = np.arange(len(text)) - np.repeat(np.cumsum(each) - each, each) + self._first[text]
        return self._runs(_hashes(self._sums, start, start + count), text, start, start + count)

    def _runs(self, hashes: np.ndarray, text: np.ndarray, start: np.ndarray, stop: np.ndarray) -> Runs:
        first = self._first[text]
        return Runs(hashes, text, start - first, stop - first)


@functools.lru_cache(maxsize=4)
def _powers(base: int, count: int) -> np.ndarray:
    powers = np.full(count, base, dtype=np.uint64)
    powers[:1] = 1
    return np.cumprod(powers, dtype=np.uint64)


def _powers_of(base: int, count: int) -> np.ndarray:
    """Returns base**0 .. base**(count - 1) modulo 2**64; few sizes are made, so that they are made once."""
    return _powers(base, 1 << max(16, (count - 1).bit_length()))[:count]


def _sums(values: np.ndarray) -> np.ndarray:
    """Returns the sums of step 2, uint64 [len(values) + 1]."""
    sums = np.zeros(len(values) + 1, dtype=np.uint64)
    np.cumsum(values * _powers_of(_BASE, len(values)), out=sums[1:])
    return sums


def _hashes(sums: np.ndarray, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """Returns the hashes of step 3, uint64."""
    return mix_in_place((sums[stop] - sums[start]) * _powers_of(_INVERSE, len(sums))[start])
