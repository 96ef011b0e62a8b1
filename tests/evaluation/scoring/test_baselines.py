"""The strongest of several baselines, each where it is the right one."""

import functools

import pytest

import t5mix
from t5mix import preprocessors
from t5mix.evaluation.examples import read_examples
from t5mix.evaluation.scoring.baselines import Baseline, strongest_baseline, training_texts
from t5mix.evaluation.scoring.scorer import Scorer

FEATURES = {name: t5mix.Feature(t5mix.ByteVocabulary()) for name in ("inputs", "targets")}


def dataset(splits, split, shuffle_files):
    import tensorflow as tf

    rows = [{"inputs": inputs, "targets": targets} for inputs, targets in splits[split]]
    columns = {key: [row[key] for row in rows] for key in ("inputs", "targets")}
    return tf.data.Dataset.from_tensor_slices(columns)


def exact(targets, predictions):
    return {"exact": 100 * sum(map(str.__eq__, targets, predictions)) / len(targets)}


def closeness(targets, predictions):
    errors = [abs(float(t) - float(p or "nan")) for t, p in zip(targets, predictions, strict=True)]
    return {"closeness": -sum(errors) / len(errors)}


def best(splits, metric=exact) -> Baseline:
    task = t5mix.Task(
        "toy",
        source=t5mix.FunctionDataSource(functools.partial(dataset, splits), splits=list(splits)),
        preprocessors=[preprocessors.tokenize, preprocessors.append_eos],
        output_features=FEATURES,
        metric_fns=[metric],
    )
    scorer = Scorer(task, read_examples(task, "test", {"inputs": 99, "targets": 99}))
    return strongest_baseline(scorer, training_texts(task))


def test_majority_is_of_the_training_targets() -> None:
    train = [("q 1", "b"), ("q 2", "a"), ("q 3", "b")]
    test = [("q 4", "a"), ("q 5", "b"), ("q 6", "a"), ("q 7", "a")]
    assert best({"train": train, "test": test}) == Baseline("majority", 25.0)


def test_copy_leaves_out_the_prompt_that_all_inputs_share() -> None:
    train = [("say it: Anna", "Anna"), ("say it: Berlin", "Berlin!")]
    test = [("say it: Berta", "Berta"), ("say it: Bern", "Bern"), ("say it: Bonn", "bonn")]
    found = best({"train": train, "test": test})
    assert (found.kind, found.score) == ("copy", pytest.approx(200 / 3))


def test_lead_sentence_and_lead_line() -> None:
    sentence = [("sum: Hi all. More.", "Hi all."), ("sum: Oh! Well.\nYes.", "Oh!")]
    assert best({"test": sentence}) == Baseline("lead sentence", 100.0)
    line = [("sum: Hi. All\nmore", "Hi. All"), ("sum: One. Two\nthree", "One. Two")]
    assert best({"test": line}) == Baseline("lead line", 100.0)


def test_mean_of_training_targets_that_are_numbers() -> None:
    train = [("x 1", "1.0"), ("x 2", "1.0"), ("x 3", "4.0")]
    test = [("x 1e3", "2.0"), ("x 2e3", "2.0")]
    assert best({"train": train, "test": test}, closeness) == Baseline("mean", 0.0)


def test_no_answer_may_be_an_answer() -> None:
    """WSC takes what names no noun for "another noun", and has no training split to find a majority in."""
    test = [("w a", "a"), ("w b", ""), ("w c", "")]
    assert best({"test": test}) == Baseline("empty", pytest.approx(200 / 3))
    # Nothing wins by being undefined.
    numbers = {"train": [("x 1", "1.0")], "test": [("x 1e3", "2.0"), ("x 2e3", "2.0")]}
    assert best(numbers, closeness) == Baseline("majority", -1.0)


def test_an_undefined_score_counts_as_none() -> None:
    def undefined(targets, predictions):
        return {"pearson": float("nan")}

    assert best({"train": [("a", "1")], "test": [("b", "2")]}, undefined).score == 0.0
