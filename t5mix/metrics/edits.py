"""How far predictions are from targets in words changed."""

import re
from collections.abc import Sequence

import numpy as np

from t5mix.metrics import pairs


def edit_distance(targets: Sequence[str], predictions: Sequence[str], lower: bool = True) -> dict[str, float]:
    """Returns the least, greatest, mean, median and summed number of words to insert, delete or replace.

    A word is a run of letters, digits and "_"; two signs in a row have an empty word between them, as in T5.

    Args:
      targets: the texts wanted.
      predictions: the texts given.
      lower: whether case counts for nothing.
    """
    pairs.check("edit_distance", targets, predictions)
    distances = []
    for target, prediction in zip(targets, predictions, strict=True):
        one, other = (target.lower(), prediction.lower()) if lower else (target, prediction)
        distances.append(levenshtein(re.split(r"\W", one), re.split(r"\W", other)))
    return {
        "min_edit": min(distances),
        "max_edit": max(distances),
        "mean_edit": float(np.mean(distances)),
        "median_edit": float(np.median(distances)),
        "sum_edit": sum(distances),
    }


def levenshtein(one: Sequence[str], other: Sequence[str]) -> int:
    """Returns the least number of insertions, deletions and replacements that make `other` of `one`."""
    row = list(range(len(other) + 1))
    for count, item in enumerate(one, start=1):
        diagonal, row[0] = row[0], count
        for place, wanted in enumerate(other, start=1):
            diagonal, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, diagonal + (item != wanted))
    return row[-1]
