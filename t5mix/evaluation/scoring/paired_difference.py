"""Differences between two models on the same test examples, with what can be said of them.

Both models answer the same examples, so a hard example is hard for both, and the difference of their scores moves much
less than the scores do. Steps, for each task:

1. The examples are cut into at most 20 groups of neighbours. Leave each group out in turn; compute both metrics and
   their difference. The spread of these differences gives its standard error: the jackknife of `standard_error.py`, of
   a difference. It holds for metrics of a whole corpus (F1, BLEU, correlations) too.
2. Student's t with one degree of freedom less than groups gives the interval and the p-value, which is never less than
   a test by signs alone could give: with three examples no difference is sure.
3. Holm's method corrects the p-values for the number of comparisons that are made at once.

Sources: Kott (2001), "The delete-a-group jackknife"; Holm (1979), "A simple sequentially rejective multiple test
procedure"; Miller (2024), "Adding error bars to evals", section 4, on pairing.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from t5mix.evaluation.scoring.standard_error import GROUPS, Metric, of_part

# With fewer examples than three a group, groups would differ too much in size: each example is its own.
_SMALL = 3 * GROUPS

# The smallest difference is one that a test finds so often when it is there.
POWER = 0.8


@dataclass(frozen=True)
class Difference:
    """How far the second model is from the first.

    Attributes:
        value: second minus first, in the metric's own unit.
        standard_error: of `value`; NaN where it can not be told.
        degrees: of freedom of the standard error.
        low: lower end of the confidence interval.
        high: upper end.
        p_value: how likely so great a difference is, either way, where there is none.
        smallest: the smallest true difference that this test would find four times in five.
    """

    value: float
    standard_error: float
    degrees: float
    low: float
    high: float
    p_value: float
    smallest: float


def paired_difference(
    metric: Metric,
    targets: Sequence[Any],
    first: Sequence[Any],
    second: Sequence[Any],
    confidence: float = 0.95,
) -> Difference:
    """Returns the difference of a metric between two models.

    Args:
        metric: maps `(targets, predictions)` to one number.
        targets: one target an example, after postprocessing.
        first: predictions of the first model, one an example.
        second: predictions of the second model.
        confidence: share of intervals that hold the true difference.

    Raises:
        ValueError: if targets and predictions differ in number, or there are fewer than two examples.
    """
    if not len(targets) == len(first) == len(second):
        raise ValueError(f"{len(targets)} targets, but {len(first)} and {len(second)} predictions")
    count = len(targets)
    if count < 2:
        raise ValueError(f"a comparison needs at least 2 examples, not {count}")
    groups = count if count <= _SMALL else GROUPS
    bounds = [count * group // groups for group in range(groups + 1)]
    values = []
    for start, end in itertools.pairwise(bounds):
        kept = [[*items[:start], *items[end:]] for items in (targets, first, second)]
        values.append(of_part(metric, kept[0], kept[2]) - of_part(metric, kept[0], kept[1]))
    mean = math.fsum(values) / groups
    error = math.sqrt(math.fsum((value - mean) ** 2 for value in values) * (groups - 1) / groups)
    value = metric(targets, second) - metric(targets, first)
    return _difference(value, error, groups - 1, confidence, least_p=2.0 ** max(1 - count, -1000))


def mean_difference(differences: Sequence[Difference], confidence: float = 0.95) -> Difference:
    """Returns the mean of differences on separate test sets: of a suite of tasks.

    The degrees of freedom are Satterthwaite's.
    """
    squares = [each.standard_error**2 for each in differences]
    total = math.fsum(squares)
    spread = math.fsum(
        square**2 / each.degrees for square, each in zip(squares, differences, strict=True) if each.degrees
    )
    degrees = total**2 / spread if spread > 0 else math.fsum(each.degrees for each in differences)
    value = math.fsum(each.value for each in differences) / len(differences)
    return _difference(value, math.sqrt(total) / len(differences), degrees, confidence)


def over_seeds(differences: Sequence[Difference], confidence: float = 0.95) -> Difference:
    """Returns the mean of a difference over seeds, measured on the same test examples for each.

    Its squared error is the mean squared error of one difference, for all share the test examples, and the variance
    between seeds divided by their number. The degrees of freedom are Satterthwaite's.
    """
    count = len(differences)
    if count == 1:
        return differences[0]
    value = math.fsum(each.value for each in differences) / count
    of_examples = math.fsum(each.standard_error**2 for each in differences) / count
    of_seeds = math.fsum((each.value - value) ** 2 for each in differences) / (count - 1) / count
    spread = of_examples**2 / max(differences[0].degrees, 1) + of_seeds**2 / (count - 1)
    total = of_examples + of_seeds
    degrees = total**2 / spread if spread > 0 else differences[0].degrees
    return _difference(value, math.sqrt(total), degrees, confidence)


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns p-values corrected for their number, in their order; NaN stays, and is not counted.

    Example: [0.01, 0.04, 0.03] -> [0.03, 0.06, 0.06]
    """
    known = sorted((value, index) for index, value in enumerate(p_values) if not math.isnan(value))
    corrected = list(p_values)
    greatest = 0.0
    for rank, (value, index) in enumerate(known):
        greatest = max(greatest, min(1.0, value * (len(known) - rank)))
        corrected[index] = greatest
    return corrected


def _difference(value: float, error: float, degrees: float, confidence: float, least_p: float = 0.0) -> Difference:
    from scipy.stats import t

    if math.isnan(value) or math.isnan(error):
        return Difference(value, math.nan, degrees, math.nan, math.nan, math.nan, math.nan)
    quantile = float(t.ppf((1 + confidence) / 2, degrees))
    reach = quantile * error
    p_value = max(_p_value(value, error, degrees), least_p)
    smallest = (quantile + float(t.ppf(POWER, degrees))) * error
    return Difference(value, error, degrees, value - reach, value + reach, p_value, smallest)


def _p_value(value: float, error: float, degrees: float) -> float:
    from scipy.stats import t

    if value == 0:
        return 1.0
    return 2 * float(t.sf(abs(value) / error, degrees)) if error > 0 else 0.0
