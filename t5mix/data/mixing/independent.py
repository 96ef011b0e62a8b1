"""The random mode of mixing: each draw's task is chosen independently of the others.

The tasks' examples are points in time: 2**48 points in all, of each task its share, thrown uniformly and independently
of each other over 2**36 spans.  Points of several such processes, in the order of their times, have independent
tasks, to one part in 2**48 for each draw before.  How many points fall into the first half of a span is a binomial
number, so counts are halved from the whole down to the span that is asked for: any draw is found in 36 halvings.
"""

import functools
from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from t5mix.data import keys
from t5mix.data.mixing import weights

# A span holds 4096 draws on average.
_LEVELS = weights.BITS - 12
# Numbers up to here are halved by as many coins; the halves of greater ones are those of this one, scaled.
_COINS = 1 << 12


class Independent:
    """Chooses the task of each draw.

    Args:
      rates: each task's share, by name, positive.
      seed: decides the draws.
    """

    def __init__(self, rates: Mapping[str, float | Fraction], seed: int) -> None:
        self._whole = weights.integer_weights(rates)
        self._words = np.array([keys.words(("draws", seed, name), 1)[0] for name in rates], dtype=np.uint64)
        self._order = np.array(keys.words(("order of draws", seed), 1), dtype=np.uint64)
        self._left = functools.lru_cache(maxsize=128)(self._make_left)

    def before(self, draw: int) -> np.ndarray:
        """Returns how many examples of each task come before a draw, int64 [tasks]."""
        span, before, counts = self._find(draw)
        first = self._in_order(span, counts)[: draw - int(before.sum())]
        return before + np.bincount(first, minlength=len(counts))

    def tasks(self, start: int, stop: int) -> np.ndarray:
        """Returns the task of each draw from `start` to before `stop`, int32."""
        parts = [np.empty(0, np.int32)]
        while start < stop:
            span, before, counts = self._find(start)
            first = int(before.sum())
            parts.append(self._in_order(span, counts)[start - first : stop - first])
            start += len(parts[-1])
        return np.concatenate(parts)

    def _find(self, draw: int) -> tuple[int, np.ndarray, np.ndarray]:
        """Returns the span that holds a draw, and the tasks' counts before it and in it."""
        span, before, counts = 0, np.zeros_like(self._whole), self._whole
        for level in range(_LEVELS):
            left = self._left(level, span)
            span *= 2
            if draw < int((before + left).sum()):
                counts = left
            else:
                before, counts, span = before + left, counts - left, span + 1
        return span, before, counts

    def _make_left(self, level: int, span: int) -> np.ndarray:
        """Returns how many of the points of a span at a level fall into its first half, int64 [tasks]."""
        counts = self._whole
        for above in range(level):
            left = self._left(above, span >> (level - above))
            counts = counts - left if span >> (level - above - 1) & 1 else left
        return _halved(counts, weights.hashed(self._words, (1 << level) + span))

    def _in_order(self, span: int, counts: np.ndarray) -> np.ndarray:
        tasks = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        word = weights.hashed(self._order, span)
        return tasks[np.argsort(weights.hashed(word, np.arange(len(tasks))), kind="stable")]


def _halved(counts: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Returns how many of so many coins show heads, int64.

    Up to 4096 coins are thrown.  For more, heads less half is that of 4096 coins, with a uniform number below one
    added, times what makes the variance the same: mean and variance are exact, the fourth moment is to 2e-4.

    Args:
      counts: int64, of coins.
      words: uint64 of the same shape, which decide.
    """
    coins = np.minimum(counts, _COINS)
    numbers = -(-coins // 64)
    owner = np.repeat(np.arange(len(counts)), numbers)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(numbers) - numbers, numbers)
    thrown = weights.hashed(words[owner], place)
    unused = np.maximum(64 * (place + 1) - coins[owner], 0).astype(np.uint64)
    heads = np.bincount(owner, np.bitwise_count(thrown >> unused), minlength=len(counts)).astype(np.int64)
    many = np.flatnonzero(counts > _COINS)
    if len(many):
        uniform = (weights.hashed(words[many], _COINS) >> np.uint64(11)).astype(np.float64) * 2.0**-53
        deviation = heads[many] - _COINS / 2 + uniform - 0.5
        scale = np.sqrt((counts[many] / 4 - 1 / 12) / (_COINS / 4 + 1 / 12))
        odd = (counts[many] & 1) / 2
        heads[many] = counts[many] // 2 + np.floor(odd + deviation * scale + 0.5).astype(np.int64)
        heads[many] = np.clip(heads[many], 0, counts[many])
    return heads
