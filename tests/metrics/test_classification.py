"""Metrics of labels, against arithmetic by hand and scikit-learn."""

import math

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from t5mix import metrics

LABELS = st.lists(st.tuples(st.integers(0, 1), st.integers(-1, 3)), min_size=2, max_size=40)


def test_accuracy() -> None:
    assert metrics.accuracy([1, 2, 3, 4], [1, 2, 0, 4]) == {"accuracy": 75.0}
    assert metrics.sequence_accuracy(["a b", "c"], ["a b", "c "]) == {"sequence_accuracy": 50.0}
    assert metrics.accuracy([[1, 2], [3]], [[1, 2], [3, 4]]) == {"accuracy": 50.0}
    assert metrics.accuracy([1, "1", 0.5, True], [1.0, 1, 0.5, 1]) == {"accuracy": 75.0}


@given(LABELS)
def test_f1_counts_an_invalid_prediction_as_the_wrong_one(pairs: list[tuple[int, int]]) -> None:
    targets, predictions = [t for t, _ in pairs], np.array([p for _, p in pairs])
    before = predictions.copy()
    valid = [p if p in (0, 1) else 1 - t for t, p in pairs]
    hits = sum(t == p == 1 for t, p in zip(targets, valid, strict=True))
    wrong = sum(t != p for t, p in zip(targets, valid, strict=True))
    expected = 200 * hits / (2 * hits + wrong) if hits or wrong else 0.0
    assert metrics.f1_score_with_invalid(targets, predictions)["f1"] == pytest.approx(expected)
    assert (predictions == before).all()
    for other in (-1, 2):
        with pytest.raises(ValueError, match=f"f1_score_with_invalid: a target is {other}; give 0 and 1"):
            metrics.f1_score_with_invalid([*targets, other], [*predictions, 1])


@pytest.mark.filterwarnings("ignore:A single label")  # of the oracle
@settings(deadline=None)
@given(LABELS)
def test_matthews_and_mean_f1(pairs: list[tuple[int, int]]) -> None:
    targets, predictions = (list(side) for side in zip(*pairs, strict=True))
    expected = 100 * sklearn.metrics.matthews_corrcoef(targets, predictions)
    assert metrics.matthews_corrcoef(targets, predictions) == {"matthews_corrcoef": pytest.approx(expected)}
    ones = []
    for label in range(3):
        hits = sum(t == p == label for t, p in pairs)
        total = targets.count(label) + predictions.count(label)
        ones.append(2 * hits / total if total else 0.0)
    got = metrics.mean_multiclass_f1(3)(targets, predictions)
    assert got == {"mean_3class_f1": pytest.approx(100 * sum(ones) / 3)}


def test_sklearn_metrics_wrapper() -> None:
    hamming = metrics.sklearn_metrics_wrapper("hamming_loss", "wrong", lambda value: 100 * value)
    assert hamming([1, 2, 3, 4], [1, 2, 3, 0]) == {"wrong": 25.0} and hamming.__name__ == "wrong"
    beta = metrics.sklearn_metrics_wrapper("fbeta_score", beta=2)
    assert math.isclose(beta([1, 1, 0], [1, 0, 0])["fbeta_score"], 5 / 9)
    with pytest.raises(ValueError, match="has no 'nothing'"):
        metrics.sklearn_metrics_wrapper("nothing")([1], [1])
