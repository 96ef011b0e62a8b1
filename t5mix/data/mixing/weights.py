"""Shares of tasks as whole numbers."""

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


def rank_within(groups: np.ndarray) -> np.ndarray:
    """Returns how many equal numbers stand before each, int64 [numbers].

    Example: [7, 3, 7, 7] gives [0, 0, 1, 2].
    """
    order = np.argsort(groups, kind="stable")
    in_order = groups[order]
    ranks = np.empty(len(groups), dtype=np.int64)
    ranks[order] = np.arange(len(groups)) - np.searchsorted(in_order, in_order)
    return ranks


def evenly_spaced(task: np.ndarray) -> np.ndarray:
    """Returns an order of examples that are given task by task: those of each task in theirs, spread evenly."""
    counts = np.bincount(task) if len(task) else np.zeros(1, np.int64)
    return np.lexsort((task, (rank_within(task) + 0.5) / counts[task]))
