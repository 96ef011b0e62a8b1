"""Metrics of scores: the area under curves, and classes chosen by the best score."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from t5mix.metrics import input_checks
from t5mix.metrics.classification import mean_multiclass_f1


def auc(
    targets: Sequence[float], predictions: Sequence[float], targets_threshold: float | None = None
) -> dict[str, float]:
    """Returns the areas under the ROC curve and under the precision-recall curve, 0 to 1.

    Args:
        targets: 0 or 1; any numbers with targets_threshold.
        predictions: numbers, the greater the surer of 1.
        targets_threshold: targets from here on are 1, those below 0.

    Raises:
        ValueError: when all targets are one class, so that the ROC curve is not defined, or one is NaN.
    """
    input_checks.check("auc", targets, predictions)
    import sklearn.metrics

    expected = np.asarray(targets)
    if np.isnan(expected).any():
        raise ValueError("auc: targets hold NaN, which is neither class; leave these examples out")
    if targets_threshold is not None:
        expected = (expected >= targets_threshold).astype(np.int32)
    if len(np.unique(expected)) < 2:
        raise ValueError("auc: all targets are one class, so there is no ROC curve; give examples of both")
    return {
        "auc-roc": float(sklearn.metrics.roc_auc_score(expected, predictions)),
        "auc-pr": float(sklearn.metrics.average_precision_score(expected, predictions)),
    }


def score_auc(
    targets: Sequence[float], scores: Sequence[float], targets_threshold: float | None = None
) -> dict[str, float]:
    """Returns the same as `auc`, of scores that a model gives to targets."""
    return auc(targets, scores, targets_threshold)


def rank_classification(
    targets: Sequence[Sequence[Any]],
    scores: Sequence[float],
    num_classes: int | None = None,
    normalize_by_target_length: bool = False,
    idx_len: int = 2,
) -> dict[str, float]:
    """Returns how well the answers with the best scores do, times 100.

    Accuracy always; a choice among several correct answers counts when it is one of them, and the first of equal scores
    is chosen, or of scores that are NaN. With num_classes and one correct answer each also F1: of class 1 with the
    areas under its curves for two classes, else the mean over classes.

    Args:
        targets: for each answer of each example (idx, whether it is correct, weight, number of tokens), as
            `postprocessors.rank_classification` makes them; idx ends with the example and the answer's index.
        scores: the log likelihood of each answer.
        num_classes: how many answers each example has; None when that varies.
        normalize_by_target_length: divide scores by numbers of tokens.
        idx_len: how many numbers an idx has.

    Raises:
        ValueError: when targets are of another form, two have the same idx, or not num_classes for each example.
    """
    input_checks.check("rank_classification", targets, scores)
    if len(targets[0]) != 4:
        raise ValueError(
            f"rank_classification: `targets` should contain 4 elements but has {len(targets[0])}. A target is "
            f"{targets[0]!r}; give (idx, is_correct, weight, length)"
        )
    if not hasattr(targets[0][0], "__len__") or len(targets[0][0]) != idx_len:
        raise ValueError(
            "rank_classification: The first element of `targets` ('idx') should be "
            f"{idx_len}-dimensional. Got {targets[0][0]!r}."
        )
    if len({tuple(target[0]) for target in targets}) < len(targets):
        raise ValueError(
            "rank_classification: two targets have the same idx, so answers cannot be distinguished; hosts that number "
            "their own examples make that: give examples their numbers before sharding"
        )
    if normalize_by_target_length:
        scores = [score / target[3] for target, score in zip(targets, scores, strict=True)]
    both = sorted(zip(targets, scores, strict=True), key=lambda pair: tuple(pair[0][0]))
    if not num_classes:
        return _accuracy_of_groups(both)
    if len(both) % num_classes:
        raise ValueError(f"rank_classification: {len(both)} answers are no multiple of num_classes={num_classes}")
    correct = np.array([bool(target[1]) for target, _ in both]).reshape(-1, num_classes)
    weights = np.array([target[2] for target, _ in both], dtype=float).reshape(-1, num_classes)[:, 0]
    return _scores(correct, np.array([score for _, score in both], np.float32).reshape(-1, num_classes), weights)


def _accuracy_of_groups(both: Sequence[tuple[Sequence[Any], float]]) -> dict[str, float]:
    hits = total = 0.0
    for _, group in itertools.groupby(both, lambda pair: pair[0][0][0]):
        answers, scores = zip(*group, strict=True)
        best = answers[int(np.argmax(scores))]
        hits += best[1] * best[2]
        total += best[2]
    return {"accuracy": 100 * hits / total}


def _scores(correct: np.ndarray, likelihoods: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    """Returns metrics of bool [examples, classes], float32 [examples, classes] and float [examples]."""
    import sklearn.metrics

    chosen = likelihoods.argmax(axis=-1)
    right = correct[np.arange(len(correct)), chosen]
    if np.any(correct.sum(axis=-1) > 1):
        return {"accuracy": 100 * float(np.average(right, weights=weights))}
    classes = correct.shape[1]
    hot = np.eye(classes)[chosen]
    accuracy = sklearn.metrics.accuracy_score(correct, hot, sample_weight=weights)
    result = {"accuracy": 100 * float(accuracy)}
    if classes > 2:
        return {**result, **mean_multiclass_f1(classes, sample_weight=weights)(correct, hot)}
    expected = correct.argmax(axis=-1)
    shares = np.exp(likelihoods - likelihoods.max(axis=-1, keepdims=True))
    shares = (shares / shares.sum(axis=-1, keepdims=True))[:, 1]
    f1 = sklearn.metrics.f1_score(expected, chosen, sample_weight=weights, zero_division=0.0)
    roc = sklearn.metrics.roc_auc_score(correct[:, 1], shares, sample_weight=weights)
    precision = sklearn.metrics.average_precision_score(correct[:, 1], shares, sample_weight=weights)
    return {**result, "f1": 100 * float(f1), "auc-roc": 100 * float(roc), "auc-pr": 100 * float(precision)}
