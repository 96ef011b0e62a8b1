"""Standard errors: exact for metrics that are means over examples, else by a delete-a-group jackknife.

Both need no random numbers, so an evaluation gives the same figures each time. The jackknife works for metrics of a
whole corpus (BLEU, F1, correlations).
"""

import itertools
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

GROUPS = 20

Metric = Callable[[Sequence[Any], Sequence[Any]], float]

# How near the mean of parts must come to the whole, for a metric to be a mean over examples.
_NEAR = 1e-9


def standard_error(metric: Metric, targets: Sequence[Any], predictions: Sequence[Any]) -> float:
    """Returns how far a metric would move on another test set of the same size, in the metric's own unit.

    Where the metric is a mean over examples (accuracy, exact match, F1 of words), it is the standard deviation of their
    values divided by the square root of their number, which is exact; else the jackknife's.

    Args:
        metric: maps `(targets, predictions)` to one number.
        targets: one target an example, after postprocessing.
        predictions: one prediction an example, in the order of `targets`.

    Raises:
        ValueError: if targets and predictions differ in number.
    """
    values = _values_of_examples(metric, targets, predictions) if len(targets) == len(predictions) > 1 else None
    if values is None:
        return jackknife_standard_error(metric, targets, predictions)
    count = len(values)
    mean = math.fsum(values) / count
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1) / count)


def _values_of_examples(metric: Metric, targets: Sequence[Any], predictions: Sequence[Any]) -> list[float] | None:
    """Returns a metric of each example alone; None where their mean is not the metric of all."""
    count = len(targets)
    pairs = (0, count // 2, count)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a metric of a corpus says of one example
        try:
            whole = metric(targets, predictions)
            halves = [metric(targets[i:j], predictions[i:j]) * (j - i) for i, j in itertools.pairwise(pairs)]
            if not _is_mean(halves, whole, count):  # most metrics of a corpus end here
                return None
            values = [metric(targets[i : i + 1], predictions[i : i + 1]) for i in range(count)]
        except Exception:  # a metric of a corpus may refuse one example, by any error
            return None
    if not _is_mean(values, whole, count):
        return None
    # Metrics that are 0 of one example alone, as correlations, may come to 0 of all by chance, but not of most parts.
    bounds = _bounds(count, min(GROUPS, count))
    parts = _without_each(metric, targets, predictions, bounds)
    are_means = all(
        _is_mean([*values[:start], *values[end:]], part, count - end + start)
        for part, (start, end) in zip(parts, itertools.pairwise(bounds), strict=True)
    )
    return values if are_means else None


def _is_mean(parts: Sequence[float], whole: float, count: int) -> bool:
    return math.isfinite(whole) and abs(math.fsum(parts) / count - whole) <= _NEAR * max(1.0, abs(whole))


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
    values = _without_each(metric, targets, predictions, _bounds(count, groups))
    mean = math.fsum(values) / groups
    squares = math.fsum((value - mean) ** 2 for value in values)
    return math.sqrt(squares * (groups - 1) / groups)


def _bounds(count: int, groups: int) -> list[int]:
    """Returns where groups of neighbours begin, and the number of examples."""
    return [count * group // groups for group in range(groups + 1)]


def _without_each(
    metric: Metric, targets: Sequence[Any], predictions: Sequence[Any], bounds: Sequence[int]
) -> list[float]:
    """Returns a metric of all examples but those of each group; NaN where it is undefined, see `of_part`."""
    return [
        of_part(metric, [*targets[:start], *targets[end:]], [*predictions[:start], *predictions[end:]])
        for start, end in itertools.pairwise(bounds)
    ]


def of_part(metric: Metric, targets: Sequence[Any], predictions: Sequence[Any]) -> float:
    """Returns a metric of a part of a test set; NaN where it is undefined there, which some metrics tell by an error.

    A part may lack a class, for instance. Of the whole test set an error is an error.
    """
    try:
        return metric(targets, predictions)
    except Exception:  # also of users' metrics, such as a division by zero
        return math.nan
