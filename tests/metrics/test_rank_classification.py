"""Metrics of scores, against arithmetic by hand."""

import itertools

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from t5mix import metrics


@given(st.lists(st.tuples(st.booleans(), st.integers(-5, 5)), min_size=2, max_size=30))
def test_auc_is_the_share_of_pairs_in_order(pairs: list[tuple[bool, int]]) -> None:
    targets, scores = [int(t) for t, _ in pairs], [s for _, s in pairs]
    ones, zeros = ([s for t, s in pairs if t == side] for side in (True, False))
    if not ones or not zeros:
        with pytest.raises(ValueError, match="one class"):
            metrics.auc(targets, scores)
        return
    order = [(a > b) + (a == b) / 2 for a, b in itertools.product(ones, zeros)]
    found = metrics.auc(targets, scores)
    assert found["auc-roc"] == pytest.approx(np.mean(order))
    assert metrics.score_auc([t - 0.3 for t in targets], scores, targets_threshold=0.5) == found


def test_rank_classification_with_varying_classes() -> None:
    targets = [((0, 0), True, 1.0, 1), ((0, 1), False, 1.0, 4), ((1, 0), False, 3.0, 1), ((1, 1), True, 3.0, 8)]
    order = [3, 0, 2, 1]  # any
    scores = [-1.0, -2.0, -1.0, -4.0]
    shuffled = ([targets[i] for i in order], [scores[i] for i in order])
    assert metrics.rank_classification(*shuffled) == {"accuracy": 25.0}
    assert metrics.rank_classification(*shuffled, normalize_by_target_length=True) == {"accuracy": 75.0}


@pytest.mark.parametrize("classes", [2, 3])
def test_rank_classification_with_classes(classes: int) -> None:
    draw = np.random.default_rng(0)
    scores = draw.normal(size=(40, classes))
    labels = draw.integers(classes, size=40)
    weights = draw.uniform(0.5, 2, size=40)
    targets = [((i, j), bool(labels[i] == j), weights[i], 1) for i in range(40) for j in range(classes)]
    found = metrics.rank_classification(targets, scores.ravel().tolist(), num_classes=classes)
    chosen = scores.argmax(axis=1)
    assert found["accuracy"] == pytest.approx(100 * np.average(chosen == labels, weights=weights))
    if classes == 2:
        expected = 100 * sklearn.metrics.f1_score(labels, chosen, sample_weight=weights)
        assert found["f1"] == pytest.approx(expected)
        roc = sklearn.metrics.roc_auc_score(labels, scores[:, 1] - scores[:, 0], sample_weight=weights)
        assert found["auc-roc"] == pytest.approx(100 * roc, abs=1e-3) and 0 < found["auc-pr"] <= 100
    else:
        expected = sklearn.metrics.f1_score(labels, chosen, sample_weight=weights, average="macro")
        assert found["mean_3class_f1"] == pytest.approx(100 * expected)


def test_a_score_of_nan_is_the_best_as_in_t5() -> None:
    targets = [((0, 0), True, 1.0, 2), ((0, 1), False, 1.0, 2)]
    nan = float("nan")
    assert metrics.rank_classification(targets, [-1.0, nan]) == {"accuracy": 0.0}
    assert metrics.rank_classification(targets, [nan, -1.0]) == {"accuracy": 100.0}


def test_targets_of_nan_have_no_curve() -> None:
    with pytest.raises(ValueError, match="auc: targets hold NaN"):
        metrics.auc([0.1, 0.9, float("nan")], [0.1, 0.2, 0.3], targets_threshold=0.5)


def test_rank_classification_counts_any_of_several_correct_answers() -> None:
    targets = [((0, 0), True, 1.0, 1), ((0, 1), True, 1.0, 1), ((1, 0), True, 1.0, 1), ((1, 1), False, 1.0, 1)]
    assert metrics.rank_classification(targets, [-2, -1, -2, -1], num_classes=2) == {"accuracy": 50.0}


def test_rank_classification_refuses() -> None:
    for targets, message in (
        ([(0, True, 1.0)], "give \\(idx"),
        ([(0, True, 1.0, 1)], "should be 2-dimensional. Got 0"),
        ([((0, 0), True, 1.0, 1)], "no multiple of num_classes=2"),
    ):
        with pytest.raises(ValueError, match=message):
            metrics.rank_classification(targets, [-1.0], num_classes=2)


def test_answers_with_the_same_idx_are_refused() -> None:
    """Two hosts that each number their examples from 0 make them."""
    targets = [((0, 0), True, 1.0, 1), ((0, 1), False, 1.0, 1)] * 2
    with pytest.raises(ValueError, match="two targets have the same idx"):
        metrics.rank_classification(targets, [0.1, 0.2, 0.3, 0.4], num_classes=2)
