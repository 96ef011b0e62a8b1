"""Metrics of examples that belong together: the answers of one question, the copies of one example.

Targets are dicts of a value and a group, predictions dicts of a value, as `postprocessors.multirc` and
`postprocessors.record` make them.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from t5mix.internal.code import signatures
from t5mix.metrics import input_checks
from t5mix.metrics.classification import f1_score_with_invalid

Metric = Callable[..., Mapping[str, Any]]
Parts = Sequence[Mapping[str, Any]]


def all_match(targets: Sequence[Any], predictions: Sequence[Any]) -> dict[str, float]:
    """Returns 100 if every prediction equals its target, else 0."""
    return {"exact_match": 100 * float(input_checks.same(targets, predictions))}


def multirc_f1_over_all_answers(targets: Parts, predictions: Parts) -> dict[str, float]:
    """Returns F1 over the values of all groups, times 100, as `f1_score_with_invalid` counts."""
    return f1_score_with_invalid(
        [target["value"] for target in targets], [prediction["value"] for prediction in predictions]
    )


def mean_group_metric(
    metric_fn: Metric, group_key: str = "group", value_key: str = "value", return_subgroup_scores: bool = False
) -> Metric:
    """Returns a metric: the mean over groups of `metric_fn` of each group.

    Groups must be whole: a part of a split gives another number than the split.

    Args:
        metric_fn: a metric of values.
        group_key: where a target names its group.
        value_key: where targets and predictions have their values.
        return_subgroup_scores: also return the score of each group, as "<group>-<name>".
    """

    def mean_of_groups(targets: Parts, predictions: Parts) -> dict[str, float]:
        input_checks.check(f"mean_group_metric of {signatures.name(metric_fn)}", targets, predictions)
        scores: dict[str, list[float]] = {}
        for group, values in _grouped(targets, predictions, group_key, value_key).items():
            for name, score in metric_fn(*values).items():
                scores.setdefault(name, []).append(score)
                if return_subgroup_scores:
                    scores.setdefault(f"{group}-{name}", []).append(score)
        return {name: float(np.mean(values)) for name, values in scores.items()}

    return mean_of_groups


def deduplicate_metric(metric_fn: Metric, group_key: str = "group", value_key: str = "value") -> Metric:
    """Returns a metric: `metric_fn` of the first example of each group.

    Args:
        metric_fn: a metric of values.
        group_key: where a target names its group.
        value_key: where targets and predictions have their values.
    """

    def of_first(targets: Parts, predictions: Parts) -> Mapping[str, Any]:
        input_checks.check(f"deduplicate_metric of {signatures.name(metric_fn)}", targets, predictions)
        groups = _grouped(targets, predictions, group_key, value_key).values()
        return metric_fn([values[0][0] for values in groups], [values[1][0] for values in groups])

    return of_first


def _grouped(
    targets: Parts, predictions: Parts, group_key: str, value_key: str
) -> dict[Hashable, tuple[list[Any], list[Any]]]:
    """Returns targets and predictions by group, groups in the order of their first example."""
    groups: dict[Hashable, tuple[list[Any], list[Any]]] = {}
    for target, prediction in zip(targets, predictions, strict=True):
        values = groups.setdefault(target[group_key], ([], []))
        values[0].append(target[value_key])
        values[1].append(prediction[value_key])
    return groups
