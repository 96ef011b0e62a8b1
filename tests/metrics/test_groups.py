"""Metrics of groups, against arithmetic by hand."""

import pytest

from t5mix import metrics


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
