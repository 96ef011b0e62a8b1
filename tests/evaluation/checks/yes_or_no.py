"""The task `yes_or_no`, sound until a test changes it, and what its checks found."""

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

import t5mix
from t5mix import metrics, postprocessors, preprocessors
from t5mix.evaluation.checks import Limits, Report

WORDS = ["no", "yes"]
BYTES = t5mix.ByteVocabulary(extra_ids=20)
LIMITS = Limits({"inputs": 24, "targets": 8}, examples=40)
STEPS = [preprocessors.tokenize, t5mix.CacheDatasetPlaceholder(), preprocessors.append_eos_after_trim]
CLASSES = functools.partial(postprocessors.string_label_to_class_id, label_classes=WORDS)


def rows(split: str, count: int = 60) -> list[tuple[str, str]]:
    """Inputs that begin with the split's name, so that splits share none."""
    return [(f"{split} {i}", WORDS[i % 2]) for i in range(count)]


def source(
    make: Callable[[str], list[tuple[str, str]]] = rows, splits: tuple[str, ...] = ("train", "validation")
) -> Any:
    def examples(split: str, shuffle_files: bool) -> tf.data.Dataset:
        inputs, targets = zip(*made, strict=True) if (made := make(split)) else ([], [])
        data = {"inputs": tf.constant(inputs, tf.string), "targets": tf.constant(targets, tf.string)}
        return tf.data.Dataset.from_tensor_slices(data)

    return t5mix.FunctionDataSource(examples, splits)


def task(**changed: Any) -> t5mix.Task:
    declared: dict[str, Any] = {
        "source": source(),
        "output_features": {"inputs": t5mix.Feature(BYTES), "targets": t5mix.Feature(BYTES)},
        "preprocessors": STEPS,
        "postprocess_fn": CLASSES,
        "metric_fns": [metrics.accuracy],
    }
    return t5mix.Task("yes_or_no", **{**declared, **changed})


def found(report: Report) -> dict[str, str]:
    return {finding.check: finding.result for finding in report.findings}


def messages(report: Report, check: str) -> str:
    return next(finding.message for finding in report.findings if finding.check == check)


def half(targets: list[Any], predictions: list[Any]) -> dict[str, float]:
    return {"half": 50 * sum(t == p for t, p in zip(targets, predictions, strict=True)) / len(targets)}
