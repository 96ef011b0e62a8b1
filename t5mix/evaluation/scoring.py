"""A test set with its targets ready, which scores any list of predicted texts."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from t5mix import signatures
from t5mix.evaluation.examples import Example
from t5mix.evaluation.standard_error import jackknife_standard_error
from t5mix.task import Task


class Scorer:
    """Scores predictions for one task's examples with the task's own postprocessor and metrics.

    Metrics are better when higher, as all of T5's are; the first number of the first metric stands
    for the task wherever one number must.

    Args:
        task: A task with metrics of (targets, predictions).
        examples: Its test set.

    Raises:
        ValueError: If the task has no metric, or one that needs scores rather than predictions.
    """

    def __init__(self, task: Task, examples: Sequence[Example]):
        check_metrics(task)
        self.task = task
        self.examples = tuple(examples)
        self._targets = self._postprocess([e.target_text for e in self.examples], is_target=True)

    def metrics(self, texts: Sequence[str]) -> dict[str, float]:
        """Returns every metric of the predictions `texts`, by name, in declared order.

        Raises:
            ValueError: If two metric functions return the same name.
        """
        predictions = self._postprocess(texts, is_target=False)
        found: dict[str, float] = {}
        for function in self.task.predict_metric_fns:
            values = function(self._targets, predictions)
            repeated = [name for name in values if name in found]
            if repeated:
                raise ValueError(
                    f"task {self.task.name!r}: two of its metric_fns return {repeated[0]!r}; "
                    "give each number a name of its own"
                )
            found.update((name, float(value)) for name, value in values.items())
        return found

    def first(self, texts: Sequence[str]) -> float:
        """Returns the first metric alone."""
        return self._first(self._targets, self._postprocess(texts, is_target=False))

    def standard_error(self, texts: Sequence[str]) -> float:
        """Returns the jackknife standard error of the first metric."""
        predictions = self._postprocess(texts, is_target=False)
        return jackknife_standard_error(self._first, self._targets, predictions)

    def _first(self, targets: Sequence[Any], predictions: Sequence[Any]) -> float:
        return first_value(self.task.predict_metric_fns[0](targets, predictions))[1]

    def _postprocess(self, texts: Sequence[str], is_target: bool) -> list[Any]:
        pairs = zip(texts, self.examples, strict=True)
        function = self.task.postprocess_fn
        return [function(text, example=e.fields, is_target=is_target) for text, e in pairs]


def check_metrics(task: Task) -> None:
    """Refuses a task whose metrics cannot be computed from predictions.

    Raises:
        ValueError: Naming the task and the metric.
    """
    if not task.metric_fns:
        raise ValueError(f"task {task.name!r} has no metric_fns, so it cannot be evaluated")
    for function in task.metric_fns:
        if function not in task.predict_metric_fns:
            raise ValueError(
                f"task {task.name!r}: metric {signatures.name(function)!r} needs scores of the "
                "targets, and evaluation has only predictions; give a metric of "
                "(targets, predictions)"
            )


def first_value(values: Mapping[str, float]) -> tuple[str, float]:
    """Returns the first name and number that a metric gave; ("", NaN) where it gave none."""
    for name, value in values.items():
        return name, float(value)
    return "", math.nan
