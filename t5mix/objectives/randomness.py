"""Random choices from random words: the same on every machine, whatever the library's version."""

from collections.abc import Callable

import numpy as np

# Gives so many random 64-bit words, new ones at each call.
RandomWords = Callable[[int], np.ndarray]


def random_number(limit: int, words: RandomWords) -> int:
    """Returns a whole number in [0, limit), each equally likely to within 2**-50."""
    # A 64-bit word times a small count, high part.
    return (int(words(1)[0]) * limit) >> 64


def random_numbers(count: int, limit: int, words: RandomWords) -> np.ndarray:
    """Returns int64 [count], whole numbers in [0, limit), each equally likely; `limit` is below 2**32."""
    return ((words(count) >> np.uint64(32)) * np.uint64(limit) >> np.uint64(32)).astype(np.int64)


def random_shares(count: int, words: RandomWords) -> np.ndarray:
    """Returns float64 [count], uniform in [0, 1)."""
    return (words(count) >> np.uint64(11)) * 2.0**-53


def random_order(count: int, words: RandomWords) -> np.ndarray:
    """Returns int64 [count], the numbers 0 to count - 1 in an order of which all are equally likely."""
    return np.argsort(words(count), kind="stable")


def random_segments(items: int, segments: int, words: RandomWords) -> np.ndarray:
    """Cuts `items` things into `segments` parts of at least one each, all ways equally likely.

    Returns:
      int64 [segments], the parts' lengths.
    """
    if segments == items:
        return np.ones(segments, dtype=np.int64)
    # The cuts lie where the random words of the places between the things are least.
    cuts = np.sort(np.argsort(words(items - 1), kind="stable")[: segments - 1]) + 1
    return np.diff(np.concatenate([[0], cuts, [items]]))
