"""Which split an item belongs to, and draws that every machine repeats.

Both come from sha256 of a text, so they depend on no hash seed, no file order and no platform.
"""

import hashlib
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

SPLITS = ("train", "validation", "test")


def digest(text: str) -> int:
    """Returns the sha256 of `text` as an integer: an order that has nothing to do with meaning."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest(), "big")


def split_of(item: str, held_out: float = 0.1) -> str:
    """Returns the split of an item: `held_out` of all items in validation, as many in test.

    Args:
        item: what must not be in two splits at once, e.g. a territory code or a word's stem.
        held_out: share of items in each of the two held-out splits, above 0 and below 0.5.

    Example:
        >>> split_of("territory:CH")
        'train'

    Raises:
        ValueError: `held_out` leaves a split empty.
    """
    if not 0 < held_out < 0.5:
        raise ValueError(f"held_out is {held_out}: give a share between 0 and 0.5.")
    fraction = digest(item) % 1_000_000 / 1_000_000
    if fraction < held_out:
        return "test"
    return "validation" if fraction < 2 * held_out else "train"


class Draw:
    """Repeatable draws: the same seed gives the same draws on every Python version and machine."""

    def __init__(self, seed: str):
        # Random.random() of a seed is the one sequence that Python promises not to change.
        self._random = random.Random(digest(seed))

    def below(self, bound: int) -> int:
        """Returns an integer in [0, bound)."""
        return int(self._random.random() * bound)

    def between(self, low: int, high: int) -> int:
        """Returns an integer in [low, high], both ends included."""
        return low + self.below(high - low + 1)

    def one(self, choices: Sequence[T]) -> T:
        """Returns one of `choices`."""
        return choices[self.below(len(choices))]

    def some(self, choices: Sequence[T], count: int) -> list[T]:
        """Returns `count` different members of `choices`, in the order drawn."""
        left = list(choices)
        return [left.pop(self.below(len(left))) for _ in range(count)]
