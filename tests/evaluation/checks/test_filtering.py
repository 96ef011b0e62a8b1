"""A task that filters its examples keeps the rate of its raw ones, and is told of."""

import tensorflow as tf

from t5mix.evaluation.checks.check_task import check_task
from t5mix.evaluation.checks.filtering import made_of_raw
from t5mix.preprocessors import objectives
from tests.evaluation.checks.yes_or_no import LIMITS, STEPS, found, messages, rows, source, task

LENGTHS = {"inputs": 24, "targets": 8}


def only_yes(dataset: tf.data.Dataset) -> tf.data.Dataset:
    return dataset.filter(lambda example: tf.equal(example["targets"], "yes"))


def twice(dataset: tf.data.Dataset) -> tf.data.Dataset:
    return dataset.flat_map(lambda example: tf.data.Dataset.from_tensors(example).repeat(2))


def test_what_is_filtered_is_told() -> None:
    report = check_task(task(preprocessors=[only_yes, *STEPS]), LIMITS)
    assert report.passed and found(report)["examples"] == "note"
    assert "of the first 60 raw examples the steps make 30; a rate by" in messages(report, "examples")
    assert "make 30;" in messages(check_task(task(preprocessors=[*STEPS, lambda ds: ds.take(30)]), LIMITS), "examples")
    assert "make 120;" in messages(check_task(task(preprocessors=[twice, *STEPS]), LIMITS), "examples")


def test_what_is_not_is_not() -> None:
    assert made_of_raw(task(), "train", LENGTHS) is None  # known of these steps
    assert made_of_raw(task(preprocessors=[lambda dataset: dataset, *STEPS]), "train", LENGTHS) == (60, 60)
    noisy = [*STEPS[:-1], objectives.span_corruption, STEPS[-1]]
    assert made_of_raw(task(preprocessors=noisy, metric_fns=[], postprocess_fn=None), "train", LENGTHS) is None
    few = source(lambda split: rows(split, 5))
    assert made_of_raw(task(source=few, preprocessors=[only_yes, *STEPS]), "train", LENGTHS) is None
    large = source(lambda split: [(x * 1_000_000, y) for x, y in rows(split, 25)])
    assert made_of_raw(task(source=large, preprocessors=[only_yes, *STEPS]), "train", LENGTHS) is None
