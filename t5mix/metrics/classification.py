"""Metrics of labels, and of answers that are right or wrong."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from t5mix.metrics import input_checks


def accuracy(targets: Sequence[Any], predictions: Sequence[Any]) -> dict[str, float]:
    """Returns the percentage of predictions that equal their target."""
    return {"accuracy": _percentage_equal("accuracy", targets, predictions)}


def sequence_accuracy(targets: Sequence[Any], predictions: Sequence[Any]) -> dict[str, float]:
    """Returns the percentage of predictions that equal their target from end to end."""
    return {"sequence_accuracy": _percentage_equal("sequence_accuracy", targets, predictions)}


def _percentage_equal(metric: str, targets: Sequence[Any], predictions: Sequence[Any]) -> float:
    input_checks.check(metric, targets, predictions)
    return 100 * sum(map(input_checks.same, targets, predictions)) / len(targets)


def f1_score_with_invalid(targets: Sequence[int], predictions: Sequence[int]) -> dict[str, float]:
    """Returns F1 of class 1, times 100; a prediction other than 0 and 1 counts as the wrong one.

    Raises:
        ValueError: when a target is neither 0 nor 1.
    """
    input_checks.check("f1_score_with_invalid", targets, predictions)
    import sklearn.metrics

    expected, got = np.asarray(targets), np.asarray(predictions)
    for target in expected[(expected != 0) & (expected != 1)]:
        raise ValueError(f"f1_score_with_invalid: a target is {target}; give 0 and 1, without hidden labels")
    got = np.where((got == 0) | (got == 1), got, 1 - expected)
    return {"f1": 100 * float(sklearn.metrics.f1_score(expected, got, zero_division=0.0))}


def matthews_corrcoef(targets: Sequence[int], predictions: Sequence[int]) -> dict[str, float]:
    """Returns Matthews' correlation of classes, times 100; 0 when a side has one class only."""
    input_checks.check("matthews_corrcoef", targets, predictions)
    if len({*targets, *predictions}) == 1:  # scikit-learn returns 0 too, with a warning
        return {"matthews_corrcoef": 0.0}
    import sklearn.metrics

    value = sklearn.metrics.matthews_corrcoef(targets, predictions)
    return {"matthews_corrcoef": 100 * float(value)}


def mean_multiclass_f1(num_classes: int, **metric_fn_kwargs: Any) -> Callable[..., dict[str, float]]:
    """Returns a metric: the mean over classes 0 ... num_classes - 1 of their F1, times 100.

    Args:
        num_classes: number of classes.
        **metric_fn_kwargs: further arguments of `sklearn.metrics.fbeta_score`.
    """
    name = f"mean_{num_classes}class_f1"

    def mean_f1(targets: Sequence[int], predictions: Sequence[int]) -> dict[str, float]:
        input_checks.check(name, targets, predictions)
        import sklearn.metrics

        settings = {"labels": range(num_classes), "zero_division": 0.0, **metric_fn_kwargs}
        value = sklearn.metrics.fbeta_score(targets, predictions, beta=1, average="macro", **settings)
        return {name: 100 * float(value)}

    mean_f1.__name__ = name
    return mean_f1


def sklearn_metrics_wrapper(
    metric_str: str,
    metric_dict_str: str | None = None,
    metric_post_process_fn: Callable[[Any], Any] | None = None,
    **metric_fn_kwargs: Any,
) -> Callable[..., dict[str, Any]]:
    """Returns a metric of a function of `sklearn.metrics`.

    Args:
        metric_str: the function's name; whether there is one shows when it is first called.
        metric_dict_str: the name of the result; None is the function's.
        metric_post_process_fn: applied to the value, such as `lambda value: 100 * value`.
        **metric_fn_kwargs: further arguments of the function.
    """

    def wrapped(targets: Sequence[Any], predictions: Sequence[Any]) -> dict[str, Any]:
        input_checks.check(metric_str, targets, predictions)
        import sklearn.metrics

        function = getattr(sklearn.metrics, metric_str, None)
        if function is None:
            raise ValueError(f"sklearn_metrics_wrapper: sklearn.metrics has no {metric_str!r}; see its documentation")
        value = function(targets, predictions, **metric_fn_kwargs)
        return {metric_dict_str or metric_str: metric_post_process_fn(value) if metric_post_process_fn else value}

    wrapped.__name__ = metric_dict_str or metric_str
    return wrapped
