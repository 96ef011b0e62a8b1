"""The check of right answers."""

from typing import Any

import tensorflow as tf

import t5mix
from t5mix import metrics
from t5mix.evaluation.checks import Limits
from t5mix.evaluation.checks.check_task import check_task
from tests.evaluation.checks.yes_or_no import LIMITS, STEPS, WORDS, found, half, messages, rows, source, task


def test_metrics_with_another_best_and_of_scores() -> None:
    report = check_task(task(postprocess_fn=None, metric_fns=[metrics.edit_distance]), LIMITS)
    assert found(report)["gold"] == "pass"

    def wrong(targets: list[str], predictions: list[str]) -> dict[str, float]:
        return {"wrong": sum(t != p for t, p in zip(targets, predictions, strict=True))}

    assert found(check_task(task(postprocess_fn=None, metric_fns=[wrong]), LIMITS))["gold"] == "fail"
    wrong.best = 0  # type: ignore[attr-defined]
    assert found(check_task(task(postprocess_fn=None, metric_fns=[wrong]), LIMITS))["gold"] == "pass"
    assert found(check_task(task(metric_fns=[metrics.score_auc]), LIMITS))["gold"] == "pass"


def named(text: str, example: Any = None, is_target: bool = False) -> int:
    """As WSC's: a target says whether the noun proposed is right, and a prediction whether it names that noun."""
    return int(example["right"]) if is_target else int(text == example["targets_pretokenized"].decode())


def test_a_target_text_may_be_declared_a_wrong_answer() -> None:
    @t5mix.map_over_dataset
    def judge(example: dict[str, Any]) -> dict[str, Any]:
        return {**example, "right": tf.equal(example["targets"], "yes")}

    proposed: dict[str, Any] = {"preprocessors": [judge, *STEPS], "postprocess_fn": named}
    report = check_task(task(**proposed), LIMITS)
    assert found(report)["gold"] == "note" and "accuracy 100; 20 of 40 by another text" in messages(report, "gold")
    assert found(check_task(task(**proposed, metric_fns=[half]), LIMITS))["gold"] == "fail"


def test_one_class_alone_does_not_fail_a_correlation() -> None:
    one = source(lambda split: [(x, "yes") for x, _ in rows(split)])
    report = check_task(task(source=one, metric_fns=[metrics.matthews_corrcoef]), LIMITS)
    assert report.passed and "40 equal targets" in messages(report, "gold")


def test_more_examples_are_read_for_a_rare_class() -> None:
    rare = source(lambda split: [(f"{split} {i}", WORDS[i > 50]) for i in range(100)])
    f1 = [metrics.mean_multiclass_f1(2)]
    assert found(check_task(task(source=rare, metric_fns=f1), Limits(LIMITS.lengths, 53)))["gold"] == "pass"
