"""Every possible answer as an example of its own."""

from collections.abc import Callable

import pytest
import tensorflow as tf

from t5mix import preprocessors

EXAMPLE = {"prefix": ["It needed ", "It wanted "], "suffix": ["water", "cows"], "label": 0, "weight": 2.0}


def ranked(dataset: tf.data.Dataset, **arguments: object) -> tf.data.Dataset:
    return preprocessors.rank_classification(
        dataset,
        inputs_fn=lambda example: example["prefix"],
        targets_fn=lambda example: example["suffix"],
        is_correct_fn=lambda example: tf.one_hot(example["label"], 2),
        **arguments,
    )


def test_modes(rows_of: Callable) -> None:
    first = {"idx": [0, 0], "inputs": "It needed ", "targets": "water", "is_correct": True}
    second = {"idx": [0, 1], "inputs": "It wanted ", "targets": "cows", "is_correct": False}
    again = [{**row, "idx": [1, row["idx"][1]]} for row in (first, second)]
    assert rows_of(ranked, EXAMPLE, EXAMPLE) == [first, second, *again]
    assert rows_of(ranked, EXAMPLE, {**EXAMPLE, "label": 1}, mode="train") == [first, {**again[1], "is_correct": True}]
    (batch,) = rows_of(ranked, EXAMPLE, mode="fewshot_eval")
    assert batch == {key: [first[key], second[key]] for key in first}
    weighted = rows_of(ranked, EXAMPLE, weight_fn=lambda example: example["weight"], passthrough_feature_keys=["label"])
    assert weighted == [{**row, "weight": 2.0, "label": 0} for row in (first, second)]


def test_a_feature_without_tokens_is_kept() -> None:
    functions = {name: lambda row: row["texts"] for name in ("inputs_fn", "targets_fn")}
    given = {**functions, "is_correct_fn": lambda row: row["right"], "passthrough_feature_keys": ["ids"]}
    example = {"texts": ["a", "b"], "right": [1, 0], "ids": tf.constant([], tf.int32)}
    made = preprocessors.rank_classification(tf.data.Dataset.from_tensors(example), **given)
    assert [row["ids"].tolist() for row in made.as_numpy_iterator()] == [[], []]


def test_refusals(rows_of: Callable) -> None:
    with pytest.raises(ValueError, match="mode is 'test'"):
        rows_of(ranked, EXAMPLE, mode="test")
    with pytest.raises(ValueError, match="'idx' to keep"):
        rows_of(ranked, {**EXAMPLE, "idx": 3}, passthrough_feature_keys=["idx"])
    with pytest.raises(tf.errors.InvalidArgumentError, match="must return the same size"):
        rows_of(ranked, {**EXAMPLE, "suffix": ["water"]})


FARM = {
    "premise": "It was dry.", "choice1": "A canal was dug.", "choice2": "It rained.", "label": 1, "labels": [0, 1],
    "more": {"question": "So:"}, "weight": 0.5,
}  # fmt: skip
FORMATS = {"inputs_formats": "{premise} {more/question}", "targets_formats": ["{choice1}", "{choice2}"]}


def test_formats(rows_of: Callable) -> None:
    first = {"idx": [0, 0], "inputs": "It was dry. So:", "targets": "A canal was dug.", "is_correct": False}
    second = {"idx": [0, 1], "inputs": "It was dry. So:", "targets": "It rained.", "is_correct": True}
    formatter = preprocessors.rank_classification_formatter
    assert rows_of(formatter, FARM, **FORMATS) == [first, second]
    assert rows_of(formatter, FARM, **FORMATS, mode="train") == [second]
    both = rows_of(formatter, FARM, **FORMATS, label_key="labels", weight_key="weight")
    assert both == [{**row, "is_correct": True, "weight": 0.5} for row in (first, second)]
    turned = rows_of(formatter, FARM, inputs_formats=["{choice1}", "{choice2}"], targets_formats="{premise}")
    assert [(row["inputs"], row["targets"]) for row in turned] == [
        ("A canal was dug.", "It was dry."),
        ("It rained.", "It was dry."),
    ]


def test_signs_in_a_text_are_no_part_of_its_format(rows_of: Callable) -> None:
    example = {**FARM, "premise": "a\\1 {choice1} \\"}
    formats = {"inputs_formats": ["{premise}{choice1}", "{premise}"], "targets_formats": ["{choice1}", "{choice2}"]}
    (first, second) = rows_of(preprocessors.rank_classification_formatter, example, **formats)
    assert (first["inputs"], second["inputs"]) == ("a\\1 {choice1} \\A canal was dug.", "a\\1 {choice1} \\")


@pytest.mark.parametrize(
    ("formats", "message"),
    [
        ({"inputs_formats": "a", "targets_formats": "b"}, "as a list of answers"),
        ({"inputs_formats": ["a", "b"], "targets_formats": ["b"]}, "2 inputs_formats and 1 targets_formats"),
        ({"inputs_formats": "{label}", "targets_formats": ["b", "c"]}, "names 'label', which is no text"),
        ({"inputs_formats": "{nothing}", "targets_formats": ["b", "c"]}, "names 'nothing'"),
    ],
)
def test_formats_that_cannot_work(rows_of: Callable, formats: dict, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        rows_of(preprocessors.rank_classification_formatter, FARM, **formats)
