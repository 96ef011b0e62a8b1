"""What every metric asks of its targets and predictions."""

import numpy as np
import pytest

import t5mix
from t5mix import metrics

FACTORIES = {
    "mean_multiclass_f1": lambda: metrics.mean_multiclass_f1(3),
    "mean_group_metric": lambda: metrics.mean_group_metric(metrics.accuracy),
    "deduplicate_metric": lambda: metrics.deduplicate_metric(metrics.accuracy),
    "sklearn_metrics_wrapper": lambda: metrics.sklearn_metrics_wrapper("accuracy_score"),
}
OF_SCORES = ("rank_classification", "score_auc")
OBJECTS = (
    "t5mix.metrics.directions",
    "t5mix.metrics.metric_objects",
    "t5mix.metrics.values",
)  # these modules have no metric functions
OF_ONE_GROUP = ("all_match", "multirc_f1_over_all_answers")


def test_every_metric_takes_targets_and_predictions_or_scores() -> None:
    source = t5mix.FunctionDataSource(lambda split, shuffle_files: None, ["train"])
    feature = {"targets": t5mix.Feature(t5mix.ByteVocabulary())}
    functions = [n for n in metrics.__all__ if getattr(metrics, n).__module__ not in OBJECTS and n[0].islower()]
    every = [FACTORIES[name]() if name in FACTORIES else getattr(metrics, name) for name in functions]
    task = t5mix.Task("t", source, feature, metric_fns=every)
    assert len(task.score_metric_fns) == len(OF_SCORES)
    assert len(task.predict_metric_fns) == len(every) - len(OF_SCORES)
    for metric in task.metric_fns:
        if metric.__name__ in OF_ONE_GROUP:
            continue
        with pytest.raises(ValueError, match="nothing to compare"):
            metric([], [])
        with pytest.raises(ValueError, match="2 targets and 1 predictions"):
            metric([1, 2], [1])


@pytest.mark.parametrize(
    ("target", "prediction", "equal"),
    [
        ("a", "a\x00", False),  # NumPy's own comparison leaves NULs at the end out
        (["a"], ["a\x00"], False),
        ([1, 2], (1, 2), True),
        ([1, 2], np.array([1, 2]), True),
        (np.array([1, 2]), np.array([1, 3]), False),
        ([[1], [2, 3]], [[1], [2, 3]], True),  # of which no array can be made
        ([], "", False),
        ("a", np.array(["a"]), False),
        ({"a": 1}, {"a": 1}, True),
    ],
)
def test_answers_are_equal_from_end_to_end(target: object, prediction: object, equal: bool) -> None:
    for metric in (metrics.accuracy, metrics.sequence_accuracy):
        assert list(metric([target, 1], [prediction, 2]).values()) == [50.0 * equal]
    assert metrics.all_match([target], [prediction]) == {"exact_match": 100.0 * equal}
