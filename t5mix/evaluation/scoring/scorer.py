"""A task's metrics of a model's outputs: for runs, for their baselines, and for `Evaluator`."""

import dataclasses
import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

from t5mix.declarations.task import Task
from t5mix.evaluation.examples import Example
from t5mix.evaluation.scoring.paired_difference import Difference, paired_difference
from t5mix.evaluation.scoring.standard_error import of_part, standard_error
from t5mix.internal.code import signatures, user_errors
from t5mix.metrics.directions import prefers_less
from t5mix.metrics.metric_objects import PassthroughLegacyMetric
from t5mix.metrics.output_types import ModelOutputType
from t5mix.metrics.values import MetricValue, Scalar

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class MetricResults:
    """What the metrics of a task say.

    Attributes:
        values: every metric's values by name, in declared order.
        targets: postprocessed targets; None where no metric tells them.
        inferences: what was compared with them, by kind: "output", "prediction", "score", "aux_value".
    """

    values: Mapping[str, Any]
    targets: Sequence[Any] | None
    inferences: Mapping[str, Any]


def compute_scores(
    task: Task,
    examples: Sequence[Mapping[str, Any]],
    outputs: Mapping[ModelOutputType, Any],
    target_field_name: str = "targets",
    known_targets: dict[Any, Any] | None = None,
) -> MetricResults:
    """Computes every metric of a task.

    Args:
        task: the task.
        examples: its examples after preprocessing.
        outputs: what a model gave, for each type that the task's metrics need; see `Metric.from_model_output`.
        target_field_name: the feature that is the target.
        known_targets: postprocessed targets of earlier calls with the same examples; added to.

    Raises:
        ValueError: if two metrics return the same name.
    """
    known_targets = {} if known_targets is None else known_targets
    values: dict[str, Any] = {}
    compared: dict[str, Any] = {}
    for position, metric in enumerate(task.metric_objs):
        with user_errors.within(_told(task, metric)):
            taken = metric.from_model_output(
                examples, outputs[metric.model_output_type], task.output_features, target_field_name
            )
            if hasattr(taken, "actual_compute"):
                # Metrics that postprocess in the same way share their targets.
                key = id(metric.postprocess_fn) if isinstance(metric, PassthroughLegacyMetric) else f"object {position}"
                found, these = taken.actual_compute(
                    examples, task.output_features, target_field_name, known_targets.get(key)
                )
                known_targets[key] = these.get("targets")
            else:
                found, these = taken.compute(), getattr(taken, "targets_and_inferences", None) or {}
        compared |= these
        _merge(task.name, values, found)
    return MetricResults(values, compared.pop("targets", None), compared)


def _told(task: Task, metric: Any) -> str:
    return f"metric {signatures.name(metric)!r} of task {task.name!r}"


def _merge(task: str, values: dict[str, Any], found: Mapping[str, Any]) -> None:
    repeated = [name for name in found if name in values]
    if repeated:
        raise ValueError(
            f"Duplicate metric key {repeated[0]!r} in Task {task!r}: two of its metric_fns return {repeated[0]!r}; "
            "give each number a name of its own"
        )
    values.update(found)


class Scorer:
    """A test set with its targets ready, which scores any list of predicted texts.

    The first number of the first metric stands for the task wherever one number must; the metric says whether more or
    less of it is better, see `prefers_less`.

    Args:
        task: a task with metrics of (targets, predictions).
        examples: its test set.

    Raises:
        ValueError: if the task has no metric, or one that needs more than predicted texts.
    """

    def __init__(self, task: Task, examples: Sequence[Example]):
        check_metrics(task)
        self.task = task
        self.examples = tuple(examples)
        self._fields = [example.fields for example in self.examples]
        self._metric: PassthroughLegacyMetric = task.metric_objs[0]
        self._targets = self._metric.targets(self._fields, task.output_features)
        self._known: dict[Any, Any] = {id(self._metric.postprocess_fn): self._targets}

    @property
    def targets(self) -> Sequence[Any]:
        """What the postprocessor makes of the targets."""
        return self._targets

    def metrics(self, texts: Sequence[str]) -> dict[str, float]:
        """Returns every number that the metrics make of the predictions `texts`, by name, in declared order.

        Raises:
            ValueError: if two metrics return the same name.
        """
        outputs = {ModelOutputType.PREDICTION: list(texts)}
        values = compute_scores(self.task, self._fields, outputs, known_targets=self._known).values
        for name, value in values.items():
            if not _is_number(value):
                _log.warning(
                    "task %s: %s is a %s; a run keeps numbers only", self.task.name, name, type(value).__name__
                )
        return _numbers(values)

    def prefers_less(self, name: str) -> bool:
        """Tells whether less of the first metric's number of this name is better."""
        return prefers_less(self._metric, name)

    def first(self, texts: Sequence[str]) -> tuple[str, float]:
        """Returns name and value of the first metric alone."""
        return self._first(self._targets, self._metric.postprocess(texts, self._fields, False))

    def first_of_part(self, texts: Sequence[str]) -> float:
        """Returns the value of the first metric alone, where these examples are a part of a test set: see `of_part`."""
        predictions = self._metric.postprocess(texts, self._fields, False)
        return of_part(self._first_value, self._targets, predictions)

    def standard_error(self, texts: Sequence[str]) -> float:
        """Returns the standard error of the first metric."""
        predictions = self._metric.postprocess(texts, self._fields, False)
        return standard_error(self._first_value, self._targets, predictions)

    def difference(self, first: Sequence[str], second: Sequence[str], confidence: float = 0.95) -> Difference:
        """Returns how far the first metric of the texts `second` is from that of `first`."""
        before, after = (self._metric.postprocess(texts, self._fields, False) for texts in (first, second))
        return paired_difference(self._first_value, self._targets, before, after, confidence)

    def _first(self, targets: Sequence[Any], predictions: Sequence[Any]) -> tuple[str, float]:
        with user_errors.within(_told(self.task, self._metric)):
            return first_value(_numbers(self._metric.metric_fn(targets, predictions)))

    def _first_value(self, targets: Sequence[Any], predictions: Sequence[Any]) -> float:
        return self._first(targets, predictions)[1]


def check_metrics(task: Task) -> None:
    """Refuses a task whose metrics cannot be computed from predicted texts.

    Raises:
        ValueError: naming the task and the metric.
    """
    if not task.metric_objs:
        raise ValueError(f"task {task.name!r} has no metric_fns, so it cannot be evaluated")
    for metric in task.metric_objs:
        if not isinstance(metric, PassthroughLegacyMetric):
            raise ValueError(
                f"task {task.name!r}: metric {type(metric).__name__!r} is an object of its own, and a run has only "
                "predicted texts for it; give a function of (targets, predictions), or evaluate with t5mix.Evaluator"
            )
        if metric.model_output_type is not ModelOutputType.PREDICTION:
            raise ValueError(
                f"task {task.name!r}: metric {signatures.name(metric)!r} needs scores of the "
                "targets, and evaluation has only predictions; give a metric of "
                "(targets, predictions), or evaluate with t5mix.Evaluator"
            )


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """Returns the numbers among values."""
    return {
        name: float(value.value if isinstance(value, Scalar) else value)
        for name, value in values.items()
        if _is_number(value)
    }


def _is_number(value: Any) -> bool:
    return isinstance(value, Scalar) or not isinstance(value, MetricValue)


def first_value(values: Mapping[str, float]) -> tuple[str, float]:
    """Returns the first name and number that a metric gave; ("", NaN) where it gave none."""
    for name, value in values.items():
        return name, float(value)
    return "", math.nan
