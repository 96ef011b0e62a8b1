"""Whether more of a metric is better or less: said by the metric, and asked here by all who compare scores."""

import math
import re
from collections.abc import Callable, Collection
from typing import Any, TypeVar

_Metric = TypeVar("_Metric", bound=Callable[..., Any])

# Words of names of which less is better, where the metric says nothing.
_ERRORS = frozenset(
    "loss nll perplexity ppl entropy ter wer cer mer error errors mae mse rmse mape rmsle brier edit edits distance "
    "divergence bpb bpc deviance regret toxicity".split()
)
# Words beside these that say the contrary, as in "error_correction_accuracy".
_RIGHT = frozenset(
    "accuracy acc bleu rouge correct correction recall precision match f auc neg negative reduction".split()
)


def lower_is_better(metric_fn: _Metric) -> _Metric:
    """Declares, as a decorator, that less of a metric is better: a rate of errors, a distance, a loss.

    It sets the attribute `lower_is_better` of the function, which may also be set to some names of those it returns.
    """
    metric_fn.lower_is_better = True  # type: ignore[attr-defined]
    return metric_fn


def prefers_less(metric: Any, name: str) -> bool:
    """Tells whether less of a metric's value is better.

    Args:
        metric: a function or an object; what its attribute `lower_is_better` says wins: True, False, or names.
        name: of the value; where the metric says nothing, words such as "loss", "error" or "wer" in it tell.
    """
    while True:
        said = getattr(metric, "lower_is_better", None)
        if isinstance(said, bool):
            return said
        if isinstance(said, str):
            return name == said
        if isinstance(said, Collection):
            return name in said
        inner = getattr(metric, "metric_fn", getattr(metric, "func", None))
        if inner is None:
            words = set(re.findall("[a-z]+", name.lower()))
            return bool(words & _ERRORS) and not words & _RIGHT
        metric = inner


def is_better(value: float, than: float, less: bool) -> bool:
    """Tells whether a value is better than another; NaN is worse than any.

    Args:
        value: the one.
        than: the other.
        less: whether less is better; see `prefers_less`.
    """
    if math.isnan(value) or math.isnan(than):
        return math.isnan(than) and not math.isnan(value)
    return value < than if less else value > than
