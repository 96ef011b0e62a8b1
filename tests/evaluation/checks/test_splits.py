"""The check that no split holds the examples of another."""

from typing import Any

import pytest
import tensorflow as tf

import t5mix
from t5mix.evaluation.checks import Limits
from t5mix.evaluation.checks.check_task import check_task
from tests.evaluation.checks.yes_or_no import LIMITS, STEPS, found, messages, rows, source, task


def test_duplicates_are_counted_and_only_many_fail() -> None:
    shared = source(lambda split: [*rows(split), *rows("any", 2)])
    report = check_task(task(source=shared), LIMITS)
    assert found(report)["splits"] == "note" and "share 2 (3.2% of train)" in messages(report, "splits")
    strictly = Limits(LIMITS.lengths, LIMITS.examples, overlap=0.03)
    assert found(check_task(task(source=shared), strictly))["splits"] == "fail"
    # Equal inputs with other targets, such as a template without content, are no duplicates.
    same_inputs = source(lambda split: [("same", f"{split} {i}") for i in range(40)])
    assert found(check_task(task(source=same_inputs, postprocess_fn=None), LIMITS))["splits"] == "pass"


@pytest.mark.parametrize(
    ("one", "other", "result"),
    [
        ("validation", "test", "note"),
        ("dev_matched", "test2019", "note"),
        ("train", "test", "fail"),
        ("train_dev", "test", "fail"),
        ("latest", "test", "fail"),
        ("a", "b", "fail"),
    ],
)
def test_equal_splits_fail_unless_both_are_held_out(one: str, other: str, result: str) -> None:
    same = task(source=source(lambda split: rows("any"), (one, other)))
    report = check_task(same, LIMITS)
    assert found(report)["splits"] == result and f"{one} and {other} share 60 (100.0%" in messages(report, "splits")
    assert ("neither is trained on" in messages(report, "splits")) is (result == "note")
    limited = check_task(same, Limits(LIMITS.lengths, LIMITS.examples, overlap=1, held_out_overlap=0.5))
    assert found(limited)["splits"] == ("fail" if result == "note" else "note")
    assert ("raise --held_out_overlap_limit" in messages(limited, "splits")) is (result == "note")


def test_every_pair_of_splits_that_fails_is_named() -> None:
    three = source(lambda split: rows("any" if split != "other" else "other"), ("train", "validation", "test", "other"))
    message = messages(check_task(task(source=three), LIMITS), "splits")
    assert "train and validation share 60" in message and "train and test share 60" in message
    assert "validation and test" not in message and "other" not in message


def test_splits_are_compared_after_random_steps_and_steps_that_need_lengths() -> None:
    @t5mix.map_over_dataset(num_seeds=1)
    def one_of_two(example: dict[str, Any], seed: tf.Tensor) -> dict[str, Any]:
        drawn = tf.random.stateless_uniform([], seed, maxval=2, dtype=tf.int32)
        return {**example, "inputs": tf.strings.join([example["inputs"], tf.as_string(drawn)], separator=" ")}

    def first_letters(dataset: tf.data.Dataset, sequence_length: dict[str, int]) -> tf.data.Dataset:
        length = sequence_length["inputs"]
        return dataset.map(lambda row: {**row, "inputs": tf.strings.substr(row["inputs"], 0, length)})

    same = source(lambda split: rows("a"))
    message = messages(check_task(task(source=same, preprocessors=[one_of_two, *STEPS]), LIMITS), "splits")
    assert "train and validation share 60 (100.0%" in message  # the same noise each time
    report = check_task(
        task(preprocessors=[first_letters, STEPS[0], STEPS[2]]), Limits({"inputs": 7, "targets": 8}, examples=40)
    )
    assert found(report)["splits"] == "pass", messages(report, "splits")


def test_examples_that_differ_in_case_punctuation_and_blanks_are_counted() -> None:
    def cased(split: str) -> list[tuple[str, str]]:
        first = [("The sea, the sea", "yes"), ("¿?", "no"), ("Übung", "no")]
        again = [("the SEA   the sea!", "yes"), ("?¡", "no"), ("u\u0308BUNG", "no"), ("the sea the sea", "no")]
        return [*(first if split == "train" else again), *rows(split)]

    report = check_task(task(source=source(cased)), LIMITS)
    assert found(report)["splits"] == "note"
    # "¿?" has no word; the last has another target.
    assert messages(report, "splits").startswith("2 of train are in validation but for case, punctuation or blanks")
