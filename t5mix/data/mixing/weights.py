"""Shares of tasks as whole numbers, and what becomes of them in 64 bits."""

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction

import numpy as np

# Shares are taken in whole parts of 2**BITS: to 2e-15 of the whole, one example in 10**14.
BITS = 48


def integer_weights(rates: Mapping[str, float | Fraction]) -> np.ndarray:
    """Returns each task's share of draws in parts of 2**48, int64 [tasks], at least 1 each, 2**48 in all.

    Rates are taken as the exact numbers that they are; what rounding down leaves goes to the tasks that lose most.

    Args:
      rates: positive, one for each task.
    """
    numbers = whole_numbers(rates.values())
    assert numbers and min(numbers) > 0
    whole, total = 1 << BITS, sum(numbers)
    parts = [max(1, whole * number // total) for number in numbers]
    missing = whole - sum(parts)
    by_loss = sorted(range(len(parts)), key=lambda task: (parts[task] * total - whole * numbers[task], task))
    for task in by_loss[: max(missing, 0)]:
        parts[task] += 1
    # Where shares below 1 part were raised to it, the greatest gives.
    parts[int(np.argmax(parts))] += min(missing, 0)
    return np.array(parts, dtype=np.int64)


def whole_numbers(rates: Iterable[float | Fraction]) -> list[int]:
    """Returns whole numbers that are to each other as the rates are, exactly: Python adds them faster than fractions.

    Example: [0.5, 0.75, 3.0] gives [2, 3, 12].
    """
    ratios = [rate.as_integer_ratio() for rate in rates]
    scale = math.lcm(*{denominator for _, denominator in ratios})
    return [numerator * (scale // denominator) for numerator, denominator in ratios]


def mix(values: np.ndarray) -> np.ndarray:
    """The finalizer of SplitMix64 (Steele, Lea and Flood 2014) on uint64: each bit changes half of all."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def hashed(words: np.ndarray, numbers: np.ndarray | int) -> np.ndarray:
    """Returns a random word for each pair of a key's word and a number, uint64 of their common shape.

    As SplitMix64 does, whose n-th output is the finalizer of its state plus n times the golden ratio.
    """
    return mix(mix(words + np.asarray(numbers, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)))


def rank_within(groups: np.ndarray) -> np.ndarray:
    """Returns how many equal numbers stand before each, int64 [numbers].

    Example: [7, 3, 7, 7] gives [0, 0, 1, 2].
    """
    order = np.argsort(groups, kind="stable")
    in_order = groups[order]
    ranks = np.empty(len(groups), dtype=np.int64)
    ranks[order] = np.arange(len(groups)) - np.searchsorted(in_order, in_order)
    return ranks
