"""Cutting a list of examples into runs of about as many tokens.

Shapes: N examples, F features.
"""

import numpy as np

# How often the interval that holds the least capacity of windows is halved: to a part in 10,000 of a window.
_HALVINGS = 14


def even_parts(sizes: np.ndarray, parts: int) -> np.ndarray:
    """Cuts a list into runs so that the greatest run is as small as can be, in the feature that it has most of.

    Args:
        sizes: int64 [N, F].
        parts: number of runs.

    Returns:
        Where each run begins, and the end, int64 [parts + 1].
    """
    total = np.concatenate([np.zeros((1, sizes.shape[1]), np.int64), np.cumsum(sizes, axis=0)]).T  # [F, N + 1]
    low = max(int(total[:, -1].max()) // parts, int(sizes.max(initial=0)))
    high = 2 * low + 1
    best = _runs(total, parts, high)
    for _ in range(_HALVINGS):
        middle = (low + high) // 2
        found = _runs(total, parts, middle)
        if found[-1] == len(sizes):
            best, high = found, middle
        else:
            low = middle
    best[-1] = len(sizes)
    return best


def _runs(total: np.ndarray, parts: int, most: int) -> np.ndarray:
    """Returns where runs begin that each take what they have room for, and where the last ends, int64 [parts + 1]."""
    starts = [0]
    for _ in range(parts):
        stops = [np.searchsorted(one, one[starts[-1]] + most, side="right") - 1 for one in total]
        starts.append(int(min(stops)))
    return np.array(starts, dtype=np.int64)
