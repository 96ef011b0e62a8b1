"""A metric says whether less of it is better, and its name does where it says nothing."""

import functools
import math

import pytest

from t5mix import metrics
from t5mix.metrics.directions import is_better, prefers_less
from t5mix.metrics.metric_objects import PassthroughLegacyMetric


def plain(targets, predictions):
    return {"score": 1.0}


@pytest.mark.parametrize(
    "name", ["wer", "eval_loss", "perplexity", "TER", "mean_squared_error", "min_edit", "word-error-rate"]
)
def test_names_of_errors(name: str) -> None:
    assert prefers_less(plain, name)


@pytest.mark.parametrize(
    "name",
    ["accuracy", "bleu", "f1", "water", "closs", "neg_mean_squared_error", "error_correction_accuracy", "", "filter"],
)
def test_names_of_others(name: str) -> None:
    assert not prefers_less(plain, name)


def test_what_a_metric_says_wins() -> None:
    @metrics.lower_is_better
    def score(targets, predictions):
        return {"score": 1.0}

    def loss(targets, predictions):
        return {"loss": 1.0}

    loss.lower_is_better = False
    some = functools.partial(plain)
    some.lower_is_better = {"a"}  # type: ignore[attr-defined]
    for metric in (score, functools.partial(score), PassthroughLegacyMetric.from_metric_fn(score)):
        assert prefers_less(metric, "score")
    assert not prefers_less(loss, "loss") and prefers_less(some, "a") and not prefers_less(some, "loss")
    assert prefers_less(metrics.edit_distance, "sum_edit")


def test_nan_is_worst() -> None:
    for less in (True, False):
        assert is_better(1.0, math.nan, less) and not is_better(math.nan, 1.0, less)
        assert not is_better(math.nan, math.nan, less) and not is_better(1.0, 1.0, less)
    assert is_better(1.0, 2.0, True) and is_better(2.0, 1.0, False)
