"""GLUE and SuperGLUE in T5's format."""

from collections.abc import Callable

import pytest
import tensorflow as tf

from t5mix import preprocessors


def test_glue_sorts_its_features(rows_of: Callable) -> None:
    example = {"question2": "Why?", "question1": "Why so?", "label": 1, "idx": 10}
    arguments = {"benchmark_name": "qqp", "label_names": ["not_duplicate", "duplicate"]}
    expected = {"inputs": "qqp question1: Why so? question2: Why?", "targets": "duplicate", "idx": 10}
    assert rows_of(preprocessors.glue, example, **arguments) == [expected]
    turned = rows_of(preprocessors.glue, example, **arguments, feature_names=["question2", "question1"], id_key=None)
    assert turned == [{"inputs": "qqp question2: Why? question1: Why so?", "targets": "duplicate"}]
    hidden = rows_of(preprocessors.glue, {**example, "label": -1}, **arguments)
    assert hidden[0]["targets"] == "<unk>"


@pytest.mark.parametrize("label", [2, 3, -2])
def test_a_label_without_a_name_is_refused(rows_of: Callable, label: int) -> None:
    arguments = {"benchmark_name": "qqp", "label_names": ["not_duplicate", "duplicate"]}
    with pytest.raises(tf.errors.InvalidArgumentError):
        rows_of(preprocessors.glue, {"question": "Why?", "label": label, "idx": 10}, **arguments)


def test_a_label_that_is_no_whole_number_is_refused(rows_of: Callable) -> None:
    arguments = {"benchmark_name": "qqp", "label_names": ["not_duplicate", "duplicate"]}
    for label in (0.7, True, "duplicate"):
        with pytest.raises(ValueError, match=r"glue: label is (float32|bool|string)"):
            rows_of(preprocessors.glue, {"question": "Why?", "label": label, "idx": 10}, **arguments)


def test_an_id_of_another_name_is_part_of_the_inputs_only_as_text(rows_of: Callable) -> None:
    arguments = {"benchmark_name": "b", "label_names": ["no", "yes"], "id_key": "guid"}
    (row,) = rows_of(preprocessors.glue, {"text": "Why?", "label": 1, "guid": "x7"}, **arguments)
    assert row == {"inputs": "b guid: x7 text: Why?", "targets": "yes", "idx": "x7"}  # as in T5
    (row,) = rows_of(preprocessors.glue, {"text": "Why?", "label": 1, "guid": 7}, **arguments)
    assert row == {"inputs": "b text: Why?", "targets": "yes", "idx": 7}
    (row,) = rows_of(
        preprocessors.glue, {"text": "Why?", "label": 1, "guid": "x7"}, feature_names=["text"], **arguments
    )
    assert row == {"inputs": "b text: Why?", "targets": "yes", "idx": "x7"}


def test_multirc_loses_its_markup(rows_of: Callable) -> None:
    example = {
        "paragraph": "<b>Sent 1: </b>Ann sang.<br>It rained.", "question": "Who?", "answer": "Ann", "label": 1,
        "idx": {"paragraph": 5, "question": 1, "answer": 3},
    }  # fmt: skip
    names = {"label_names": ["False", "True"], "feature_names": ("question", "answer", "paragraph")}
    (row,) = rows_of(preprocessors.glue, example, benchmark_name="multirc", **names)
    assert row == {
        "inputs": "multirc question: Who? answer: Ann paragraph: Sent 1: Ann sang. It rained.", "targets": "True",
        "idx/paragraph": 5, "idx/question": 1, "idx/answer": 3,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("label", "text"),
    [(0.0, "0.0"), (2.73, "2.8"), (1.8, "1.8"), (2.5, "2.4"), (3.1, "3.2"), (4.9, "4.8"), (5.0, "5.0")],
)
def test_stsb_rounds_to_the_nearest_fifth_and_halves_to_even(rows_of: Callable, label: float, text: str) -> None:
    example = {"sentence1": "A", "sentence2": "B", "label": tf.constant(label, tf.float32), "idx": 1}
    assert rows_of(preprocessors.stsb, example) == [
        {"inputs": "stsb sentence1: A sentence2: B", "targets": text, "idx": 1}
    ]


RECORD = {
    "passage": 'Ann sang.\n@highlight\nBo came\n@highlight\n"Who?"\n@highlight\nNobody', "query": "@placeholder sang",
    "entities": ["Ann", "Bo", "Cy"], "answers": ["Ann", "Cy"], "idx": {"passage": 5, "query": 7},
}  # fmt: skip


def test_record_has_an_example_for_each_answer(rows_of: Callable) -> None:
    inputs = 'record query: @placeholder sang entities: Ann, Bo, Cy passage: Ann sang. Bo came. "Who?" Nobody'
    shared = {"inputs": inputs, "answers": ["Ann", "Cy"], "idx/passage": 5, "idx/query": 7}
    expected = [{**shared, "targets": "Ann"}, {**shared, "targets": "Cy"}]
    assert rows_of(preprocessors.record, RECORD) == expected


def test_record_without_answers_has_one_example(rows_of: Callable) -> None:
    hidden = {**RECORD, "answers": tf.constant([], tf.string)}
    (row,) = rows_of(preprocessors.record, hidden)
    assert row["targets"] == "<unk>" and row["answers"] == []
