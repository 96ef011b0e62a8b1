"""The order of examples, computed and not stored: permutations of an epoch, quotas of a window."""

import dataclasses
import math
from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from t5mix.stream import keys

# Two more rounds than the four after which a Feistel network with random functions cannot be told
# from a random permutation (Luby and Rackoff 1988), because our halves may be a few bits small.
_ROUNDS = 6


def permute(positions: np.ndarray, size: int, key: tuple[str | int, ...]) -> np.ndarray:
    """Returns where a pseudorandom permutation of 0 .. size-1 sends `positions`.

    A Feistel network over the least power of four that holds `size`; what falls outside walks on
    until it falls inside ("cycle walking", Black and Rogaway 2002), four steps at most on average.

    Args:
      positions: integers in [0, size), any shape.
      size: number of elements, at least 1.
      key: what the permutation is named by: a seed, a task, an epoch.

    Returns:
      int64 array of the shape of `positions`; distinct positions give distinct values.
    """
    assert size >= 1
    half = max(1, ((size - 1).bit_length() + 1) // 2)
    round_keys = np.array(keys.words(("permutation", *key), _ROUNDS), dtype=np.uint64)
    values = _feistel(np.asarray(positions).astype(np.uint64), half, round_keys)
    while True:
        outside = values >= size
        if not outside.any():
            return values.astype(np.int64)
        values[outside] = _feistel(values[outside], half, round_keys)


def _feistel(values: np.ndarray, half: int, round_keys: np.ndarray) -> np.ndarray:
    """One pass over numbers of 2 * half bits, a bijection whatever the round keys are."""
    shift, mask = np.uint64(half), np.uint64((1 << half) - 1)
    left, right = values >> shift, values & mask
    for round_key in round_keys:
        left, right = right, left ^ (_mix(right ^ round_key) >> np.uint64(64 - half))
    return (left << shift) | right


def _mix(values: np.ndarray) -> np.ndarray:
    """The finalizer of SplitMix64 (Steele, Lea and Flood 2014): each bit changes half of all."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


@dataclasses.dataclass(frozen=True)
class Quotas:
    """How many examples each task gives to each window, exactly.

    After w windows of `draws` examples, task t has given floor(w * draws * p_t + phi_t), where p_t
    is its share and phi_t in [0, 1) is fixed by the seed and the task's name: always within one
    example of its share.  Everything is whole numbers: p_t = weight_t / total, phi_t = phase_t / total.

    Attributes:
      draws: examples in a window over all tasks, on average.
      weights: the tasks' rates as whole numbers with a common denominator.
      total: sum of the weights.
      phases: one number in [0, total) for each task.
    """

    draws: int
    weights: tuple[int, ...]
    total: int
    phases: tuple[int, ...]

    @classmethod
    def of(cls, rates: Mapping[str, float | Fraction], draws: int, seed: int) -> "Quotas":
        """Returns the quotas of `rates`, taken as the exact numbers that they are."""
        exact = [Fraction(rate) for rate in rates.values()]
        assert draws >= 1 and exact and all(rate > 0 for rate in exact)
        denominator = math.lcm(*(rate.denominator for rate in exact))
        weights = tuple(int(rate * denominator) for rate in exact)
        total = sum(weights)
        phases = tuple(_phase(name, total, seed) for name in rates)
        return cls(draws, weights, total, phases)

    def before(self, window: int) -> list[int]:
        """Returns, for each task, how many examples it gives before `window`."""
        drawn = window * self.draws
        return [(drawn * weight + phase) // self.total for weight, phase in zip(self.weights, self.phases, strict=True)]


def _phase(name: str, total: int, seed: int) -> int:
    high, low = keys.words(("phase", seed, name))
    return (((high << 64) | low) * total) >> 128
