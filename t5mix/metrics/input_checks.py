"""What every metric asks of its targets and predictions."""

from collections.abc import Sized
from typing import Any

import numpy as np


def check(metric: str, targets: Sized, predictions: Sized) -> None:
    """Refuses nothing, and unequal numbers of targets and predictions.

    Raises:
        ValueError: naming the metric.
    """
    if len(targets) != len(predictions):
        raise ValueError(
            f"{metric}: {len(targets)} targets and {len(predictions)} predictions. Number of targets and predictions "
            "must match."
        )
    if not len(targets):
        raise ValueError(f"{metric}: there is nothing to compare; give one example at least")


def same(one: Any, other: Any) -> bool:
    """Tells whether two values are equal, be they in lists, tuples or arrays; lists of unequal lengths have no array.

    NumPy alone would leave NULs at the end of texts out.
    """
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, str | bytes) and isinstance(other, str | bytes):
        return one == other
    return bool(np.array_equal(one, other))
