"""Standard errors by a delete-a-group jackknife.

The jackknife needs no random numbers, so an evaluation gives the same figures each time, and it
works for metrics of a whole corpus (BLEU, F1, correlations) as well as for means over examples.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

GROUPS = 20

Metric = Callable[[Sequence[Any], Sequence[Any]], float]


def jackknife_standard_error(
    metric: Metric, targets: Sequence[Any], predictions: Sequence[Any], groups: int = GROUPS
) -> float:
    """Estimates how far `metric` would move on another test set of the same size.

    The examples are cut into `groups` runs of neighbours, so that items which lie together in a
    test set (and are often alike) leave together; the metric is computed without each in turn.
    See Kott (2001), "The delete-a-group jackknife".

    Args:
        metric: maps `(targets, predictions)` to one number.
        targets: one target an example, after postprocessing.
        predictions: one prediction an example, in the order of `targets`.
        groups: how many groups to form; with fewer examples than that, each is its own group.

    Returns:
        The standard error in the metric's own unit; NaN for fewer than two examples, or where the
        metric is undefined without some group.

    Raises:
        ValueError: if targets and predictions differ in number, or `groups` is below two.
    """
    if len(targets) != len(predictions):
        raise ValueError(f"{len(targets)} targets but {len(predictions)} predictions")
    if groups < 2:
        raise ValueError(f"a jackknife needs at least 2 groups, not {groups}")
    count = len(targets)
    groups = min(groups, count)
    if groups < 2:
        return math.nan
    bounds = [count * group // groups for group in range(groups + 1)]
    values = [
        metric([*targets[:start], *targets[end:]], [*predictions[:start], *predictions[end:]])
        for start, end in itertools.pairwise(bounds)
    ]
    mean = math.fsum(values) / groups
    squares = math.fsum((value - mean) ** 2 for value in values)
    return math.sqrt(squares * (groups - 1) / groups)
