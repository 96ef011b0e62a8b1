"""Averages over tasks as T5 counts them: of a task's metrics first, then of the tasks.

Which tasks an average needs stands in `mixtures/averages.json`, column by column: a column is a task, or several that
count as one, such as the two splits of MNLI.
"""

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence

from t5mix.evaluation.evaluate_task import Score
from t5mix.internal import paths
from t5mix.internal.files import read_json

# The average over whatever was scored.
ALL = "all tasks"

# Columns, each with the tasks that count as one.
Columns = Mapping[str, Sequence[str]]


@dataclasses.dataclass(frozen=True)
class Average:
    """One number for many tasks.

    Attributes:
        name: "GLUE", ...
        split: that was scored.
        value: NaN where a column is missing.
        columns: how many it has.
        missing: the columns that are not scored, or are no number.
    """

    name: str
    split: str
    value: float
    columns: int
    missing: tuple[str, ...] = ()


@functools.cache
def declared() -> Mapping[str, Columns]:
    """Returns the averages that come with t5mix, by name."""
    return read_json(paths.shipped("mixtures") / "averages.json")


def averages(scores: Sequence[Score]) -> list[Average]:
    """Returns what can be said of scores of one split: the mean of all, then the declared averages.

    The mean of all is there where several tasks have a score; what counts errors is left out of it, and stands in
    `missing`. A declared average is there where at least half of its columns are; it has a value where all are.

    Args:
        scores: all of one split. Of a task that several fine-tuned models were scored on, the one that was fine-tuned
            on it alone counts, else the last.
    """
    if not scores:
        return []
    scores = _one_a_task(scores)
    [split] = {score.split for score in scores}
    values = {score.task: task_value(score) for score in scores}
    errors = tuple(score.task for score in scores if score.less_is_better)
    found = []
    counted = [task for task, value in values.items() if task not in errors and not math.isnan(value)]
    if len(counted) > 1:
        left_out = tuple(task for task in values if task not in counted)
        mean = math.fsum(values[task] for task in counted) / len(counted)
        found.append(Average(ALL, split, mean, len(counted), left_out))
    for name, columns in declared().items():
        average = _average(name, split, columns, values)
        if 2 * len(average.missing) <= average.columns:
            found.append(average)
    return found


def _one_a_task(scores: Sequence[Score]) -> list[Score]:
    found = {score.task: score for score in scores}
    found |= {score.task: score for score in scores if not score.tuned_on}
    return list(found.values())


def task_value(score: Score) -> float:
    """Returns the mean of a task's metrics; NaN where it has no score."""
    return math.fsum(score.metrics.values()) / len(score.metrics) if score.metrics else math.nan


def _average(name: str, split: str, columns: Columns, values: Mapping[str, float]) -> Average:
    means = {
        column: math.fsum(values.get(task, math.nan) for task in tasks) / len(tasks)
        for column, tasks in columns.items()
    }
    missing = tuple(column for column, mean in means.items() if math.isnan(mean))
    mean = math.nan if missing else math.fsum(means.values()) / len(means)
    return Average(name, split, mean, len(columns), missing)
