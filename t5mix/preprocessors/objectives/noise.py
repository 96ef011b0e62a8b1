"""Random choices for many examples at once: the same on every machine, whatever the library's version.

Noise is counter-based: word number j of an example follows from the example's key and j alone, so an
example's noise does not depend on the others that it is made with, nor on their order.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from t5mix.internal.splitmix import GOLDEN, mix_in_place

_WORD = 2**64


@dataclasses.dataclass(frozen=True)
class Noise:
    """A sequence of random 64-bit words for each of several examples.

    SplitMix64, each example with a start and a step of its own, as when that generator is split.
    Source: Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators".

    Attributes:
        starts: uint64 [examples].
        steps: uint64 [examples], odd.
    """

    starts: np.ndarray
    steps: np.ndarray

    @classmethod
    def of(cls, key: Sequence[int], numbers: np.ndarray | Sequence[int] = (0,)) -> "Noise":
        """Returns the noise of the examples of these numbers.

        Args:
            key: two whole numbers, taken modulo 2**64: what all examples share.
            numbers: integers [examples], 0 or more.
        """
        first, second = (int(number) % _WORD for number in key)
        offsets = (np.asarray(numbers).astype(np.uint64) + np.uint64(1)) * np.uint64(GOLDEN)
        # The halves are mixed with each other, each in its own way, so that no two keys share words.
        starts = mix_in_place(offsets + mix_in_place(np.array([first], np.uint64)) + np.uint64(second))
        steps = mix_in_place(offsets + mix_in_place(np.array([second ^ GOLDEN], np.uint64)) + np.uint64(first))
        return cls(starts, steps | np.uint64(1))

    def __len__(self) -> int:
        return len(self.starts)

    def take(self, rows: np.ndarray) -> "Noise":
        """Returns the noise of these examples."""
        return Noise(self.starts[rows], self.steps[rows])

    def fork(self, count: int) -> list["Noise"]:
        """Returns `count` sequences of each example, independent of each other and of this one."""
        forks = np.arange(1, count + 1, dtype=np.uint64)[:, None]
        starts = mix_in_place(self.starts + mix_in_place(forks * np.uint64(GOLDEN)))
        steps = mix_in_place(self.steps ^ starts) | np.uint64(1)
        return [Noise(*pair) for pair in zip(starts, steps, strict=True)]

    def words(self, count: int) -> np.ndarray:
        """Returns the first `count` words of each example, uint64 [examples, count]."""
        counters = np.arange(1, count + 1, dtype=np.uint64)
        words = counters * self.steps[:, None]
        words += self.starts[:, None]
        return mix_in_place(words)

    def uniform(self, count: int) -> np.ndarray:
        """Returns numbers uniform in [0, 1), float64 [examples, count]."""
        return (self.words(count) >> np.uint64(11)) * 2.0**-53

    def integers(self, limits: np.ndarray | int, count: int = 1) -> np.ndarray:
        """Returns whole numbers in [0, limit), int64 [examples, count].

        Args:
            limits: integers [examples], or one for all, from 1 to 2**32; each number below is equally likely,
                to within limit / 2**32 of itself.
            count: numbers of each example.
        """
        high = self.words(count) >> np.uint64(32)
        limits = np.broadcast_to(np.asarray(limits).astype(np.uint64), len(self))
        return (high * limits[:, None] >> np.uint64(32)).astype(np.int64)

    def seeds(self, count: int) -> np.ndarray:
        """Returns seeds for functions that want them, int64 [examples, count, 2], 0 or more."""
        return (self.words(2 * count) >> np.uint64(1)).astype(np.int64).reshape(len(self), count, 2)


def random_ranks(lengths: np.ndarray, noise: Noise) -> np.ndarray:
    """Gives each position of each row a random rank, all different.

    Returns:
        uint64 [rows, greatest length]: whatever lies behind a row's end has the greatest ranks. The low bits are
        the position.
    """
    width = int(lengths.max(initial=0))
    positions = np.arange(width, dtype=np.uint64)
    low = np.uint64((1 << max(1, width.bit_length())) - 1)
    ranks = noise.words(width)
    ranks &= ~low
    ranks |= positions
    if width and lengths.min() < width:
        ranks[np.arange(width) >= lengths[:, None]] |= ~low
    return ranks


def random_orders(lengths: np.ndarray, noise: Noise) -> np.ndarray:
    """Returns the numbers 0 to length - 1 of each row in random order, all orders equally likely, joined."""
    ranks = np.sort(random_ranks(lengths, noise), axis=1)
    low = np.uint64((1 << max(1, ranks.shape[1].bit_length())) - 1)
    return without_padding((ranks & low).astype(np.int64), lengths)


def random_parts(items: np.ndarray, parts: np.ndarray, noise: Noise) -> np.ndarray:
    """Cuts each row's items into parts of at least one each, all ways equally likely.

    Args:
        items: int64 [rows], how many items there are.
        parts: int64 [rows], how many parts to make, from 1 to `items`.
        noise: of the rows.

    Returns:
        int64 [sum of parts], the parts' sizes, row by row.
    """
    ranks = random_ranks(items, noise)
    # A part begins at the first item and where ranks are least.
    ranks[:, :1] = 0
    greatest = np.take_along_axis(np.sort(ranks, axis=1), parts[:, None] - 1, axis=1)
    starts = np.flatnonzero(without_padding(ranks <= greatest, items))
    return np.diff(starts, append=items.sum())


def random_runs(
    nonnoise: np.ndarray, noisy: np.ndarray, spans: np.ndarray, noise: Noise
) -> tuple[np.ndarray, np.ndarray]:
    """Cuts each row's noise and its other tokens into as many runs.

    Args:
        nonnoise: int64 [rows], tokens that are no noise.
        noisy: int64 [rows], tokens that are noise.
        spans: int64 [rows], from 1 to the lesser of both.
        noise: of the rows.

    Returns:
        Sizes of the runs of other tokens and of those of noise, both int64 [sum of spans].
    """
    first, second = noise.fork(2)
    return random_parts(nonnoise, spans, first), random_parts(noisy, spans, second)


def without_padding(table: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Returns the first `lengths` columns of each row of a table, joined."""
    width = table.shape[1]
    if not len(lengths) or lengths.min() == width:
        return table.reshape(-1)
    return table[np.arange(width) < lengths[:, None]]


def random_segments(items: int, segments: int, noise: Noise) -> np.ndarray:
    """Cuts `items` items into `segments` parts of at least one each; `random_parts` of one row.

    Returns:
        int64 [segments], the parts' lengths.
    """
    return random_parts(np.array([items]), np.array([segments]), noise)
