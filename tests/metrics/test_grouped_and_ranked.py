"""Metrics of groups, of places, of edits and of scores, against arithmetic by hand."""

import itertools
import math

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from t5mix import metrics
from t5mix.metrics.generation import levenshtein


def parts(*values: object, groups: list | None = None) -> list[dict]:
    if groups is None:
        return [{"value": value} for value in values]
    return [{"value": value, "group": group} for value, group in zip(values, groups, strict=True)]


def test_multirc() -> None:
    targets = parts(0, 1, 1, 0, groups=[7, 7, 9, 9])
    predictions = parts(0, 1, 0, 0)
    exact_match = metrics.mean_group_metric(metrics.all_match)
    assert exact_match(targets, predictions) == {"exact_match": 50.0}
    assert metrics.multirc_f1_over_all_answers(targets, predictions)["f1"] == pytest.approx(200 / 3)
    assert exact_match(targets, parts(0, 1, -1, 0)) == {"exact_match": 50.0}
    each = metrics.mean_group_metric(metrics.accuracy, return_subgroup_scores=True)
    assert each(targets, predictions) == {"accuracy": 75.0, "7-accuracy": 100.0, "9-accuracy": 50.0}


def test_record_is_judged_once_for_each_question() -> None:
    targets = parts(["Ann", "Cy"], ["Ann", "Cy"], ["Bo"], groups=[(1, 2), (1, 2), (1, 3)])
    metric = metrics.deduplicate_metric(metrics.squad)
    assert metric(targets, parts("cy", "wrong", "Bob")) == {"em": 50.0, "f1": 50.0}
    keyed = metrics.deduplicate_metric(metrics.accuracy, group_key="g", value_key="v")
    assert keyed([{"g": 0, "v": 1}, {"g": 0, "v": 2}], [{"v": 1}, {"v": 0}]) == {"accuracy": 100.0}


def test_span_squad() -> None:
    target = {"answers": ["naïve Bob", "Bob"], "context": "Ann saw  naïve Bob ( today ) . "}
    words = target["context"]
    assert words[9:18] == "naïve Bob"

    def em(place: str) -> float:
        return metrics.span_squad([target], [place])["em"]

    assert em("start: 3 end: 5") == em("start: 5 end: 5") == em("Start 5, END 5") == 100
    for place in ("", "start: 4", "start: x end: y", "start: 9 end: 4", "start: 900 end: 901", "start: 0 end: 0"):
        assert em(place) == 0
    assert metrics.span_squad([target], ["start: 5 end: 999"])["f1"] > 0


def test_coqa_f1() -> None:
    assert metrics.coqa_f1([["the big cat"], ["", "x"], ["a b"]], ["big dog", "the", "c"])["f1"] == pytest.approx(
        100 * (0.5 + 1 + 0) / 3
    )
    with pytest.raises(ValueError, match="a list of correct answers"):
        metrics.coqa_f1(["cat"], ["cat"])


WORDS = st.lists(st.sampled_from("abc"), max_size=6)


@given(WORDS, WORDS, WORDS)
def test_edit_distance_is_a_metric(one: list[str], other: list[str], third: list[str]) -> None:
    distance = levenshtein(one, other)
    assert distance == levenshtein(other, one) and (distance == 0) == (one == other)
    assert abs(len(one) - len(other)) <= distance <= max(len(one), len(other))
    assert distance <= levenshtein(one, third) + levenshtein(third, other)


def test_edit_distance() -> None:
    found = metrics.edit_distance(["a b c", "A b", "x"], ["a c", "a b", "y z"])
    assert found == {"min_edit": 0, "max_edit": 2, "mean_edit": 1.0, "median_edit": 1.0, "sum_edit": 3}
    assert metrics.edit_distance(["A b"], ["a b"], lower=False)["sum_edit"] == 1


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


def test_sklearn_metrics_wrapper() -> None:
    hamming = metrics.sklearn_metrics_wrapper("hamming_loss", "wrong", lambda value: 100 * value)
    assert hamming([1, 2, 3, 4], [1, 2, 3, 0]) == {"wrong": 25.0} and hamming.__name__ == "wrong"
    beta = metrics.sklearn_metrics_wrapper("fbeta_score", beta=2)
    assert math.isclose(beta([1, 1, 0], [1, 0, 0])["fbeta_score"], 5 / 9)
    with pytest.raises(ValueError, match="has no 'nothing'"):
        metrics.sklearn_metrics_wrapper("nothing")([1], [1])
