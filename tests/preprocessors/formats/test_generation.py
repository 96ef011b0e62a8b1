"""Translation, summarization and SQuAD: the very strings that T5 makes."""

from collections.abc import Callable
from pathlib import Path

import pytest
import tensorflow as tf

import t5mix
from t5mix import preprocessors


def test_translate_by_the_names_of_the_languages(rows_of: Callable) -> None:
    example = {"en": "That is good.", "de": "Das ist gut.", "zh-cn": "好", "fil": "Iyan"}

    def inputs(source: str, target: str) -> str:
        (row,) = rows_of(preprocessors.translate, example, source_language=source, target_language=target)
        assert row["targets"] == example[target]
        return row["inputs"]

    assert inputs("en", "de") == "translate English to German: That is good."
    assert inputs("zh-cn", "fil") == "translate Chinese to Filipino: 好"
    with pytest.raises(ValueError, match="'xx' names no language"):
        preprocessors.translate(tf.data.Dataset.from_tensors({"xx": "a", "en": "b"}), "xx", "en")
    with pytest.raises(ValueError, match="'EN' has no English name"):
        preprocessors.translate(tf.data.Dataset.from_tensors({"EN": "a", "de": "b"}), "EN", "de")


def test_summarize(rows_of: Callable) -> None:
    example = {"article": "It rained ...", "highlights": "Rain."}
    expected = [{"inputs": "summarize: It rained ...", "targets": "Rain."}]
    assert rows_of(preprocessors.summarize, example, article_key="article", summary_key="highlights") == expected


def test_squad_without_an_answer_is_refused_by_its_id(rows_of: Callable) -> None:
    answers = tf.constant([], tf.string)
    example = {"id": "q77", "question": "Who?", "context": "Ann sang.", "answers": {"text": answers}}
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"squad: no answer to question.*q77"):
        rows_of(preprocessors.squad, example)


def test_squad_pads_punctuation_as_t5_does(rows_of: Callable) -> None:
    example = {
        "id": "7", "question": "Where is it?", "context": 'It is  "here",\n(ok).',
        "answers": {"text": tf.constant(["here", "in (here)"]), "answer_start": tf.constant([1, 2])},
    }  # fmt: skip
    (row,) = rows_of(preprocessors.squad, example)
    assert row == {
        "inputs": 'question: Where is it ? context: It is " here " , ( ok ) . ', "targets": "here", "id": "7",
        "question": "Where is it ? ", "context": 'It is " here " , ( ok ) . ', "answers": ["here", "in ( here ) "],
    }  # fmt: skip
    (row,) = rows_of(preprocessors.squad, example, include_context=False)
    assert row["inputs"] == "squad trivia question: Where is it ? "


def test_real_data_sets_pass_through(shared_data: Path) -> None:
    cases = [
        ("squad/v1.1:3.0.0", "question: ", preprocessors.squad, {}),
        ("cnn_dailymail:3.4.0", "summarize: ", preprocessors.summarize,
         {"article_key": "article", "summary_key": "highlights"}),
        ("wmt16_translate/ro-en:1.0.0", "translate English to Romanian: ", preprocessors.translate,
         {"source_language": "en", "target_language": "ro"}),
        ("glue/stsb:2.0.0", "stsb sentence1: ", preprocessors.stsb, {}),
    ]  # fmt: skip
    for name, prefix, preprocessor, arguments in cases:
        source = t5mix.TfdsDataSource(name, str(shared_data / "tfds"))
        dataset = preprocessor(source.get_dataset("validation", shuffle=False), **arguments)
        for row in dataset.take(20).as_numpy_iterator():
            assert row["inputs"].decode().startswith(prefix) and row["targets"]


def test_multi_translate(rows_of: Callable) -> None:
    def example(*languages: str) -> dict:
        return {"translations": {"language": list(languages), "translation": [f"in {code}" for code in languages]}}

    made = rows_of(
        preprocessors.multi_translate, example("de", "en", "fr"), example("fr", "en"), example("en", "de"),
        source_language="de", target_language="en",
    )  # fmt: skip
    assert made == [{"inputs": "translate German to English: in de", "targets": "in en"}] * 2
    with pytest.raises(tf.errors.InvalidArgumentError, match="several texts in de"):
        rows_of(preprocessors.multi_translate, example("de", "en", "de"), source_language="de", target_language="en")
