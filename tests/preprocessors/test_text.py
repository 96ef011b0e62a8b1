"""Preprocessors that make text: the very strings that T5 and seqio make."""

from collections.abc import Callable
from pathlib import Path

import pytest
import tensorflow as tf

import t5mix
from t5mix import preprocessors


def made(preprocessor: Callable, *examples: object, **arguments: object) -> list[dict]:
    """Runs a preprocessor on examples; returns Python values, texts decoded."""
    if isinstance(examples[0], str):
        dataset = tf.data.Dataset.from_tensor_slices(list(examples))
    else:
        spec = tf.data.Dataset.from_tensors(examples[0]).element_spec
        spec = tf.nest.map_structure(lambda s: tf.TensorSpec([None] * s.shape.rank, s.dtype), spec)
        dataset = tf.data.Dataset.from_generator(lambda: iter(examples), output_signature=spec)
    rows = preprocessor(dataset, **arguments).as_numpy_iterator()
    return [{key: plain(value) for key, value in row.items()} for row in rows]


def plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.decode()
    return [plain(item) for item in value] if getattr(value, "shape", ()) else value


# Any examples.


def test_rekey() -> None:
    example = {"text": "It rains", "other": 3}
    rekeyed = made(preprocessors.rekey, example, key_map={"inputs": None, "targets": "text", "more": ""})
    assert rekeyed == [{"inputs": "", "targets": "It rains", "more": ""}]
    assert made(preprocessors.rekey, example) == [example]
    with pytest.raises(ValueError, match="no feature 'txt'; the example has text, other"):
        made(preprocessors.rekey, example, key_map={"targets": "txt"})


def test_print_dataset_changes_nothing(capfd: pytest.CaptureFixture) -> None:
    assert made(preprocessors.print_dataset, {"targets": "It rains"}) == [{"targets": "It rains"}]
    assert "targets: It rains" in capfd.readouterr().err.replace('"', "")


def test_parse_tsv() -> None:
    assert made(preprocessors.parse_tsv, 'It "rains\tEs regnet') == [{"inputs": 'It "rains', "targets": "Es regnet"}]
    assert made(preprocessors.parse_tsv, "a\tb", field_names=None) == [{"inputs": "a", "targets": "b"}]
    picked = made(preprocessors.parse_tsv, "a,b,c", field_names=["x", "y"], field_delim=",", field_columns=[2, 0])
    assert picked == [{"x": "c", "y": "a"}]
    assert made(preprocessors.parse_tsv, "\na\r\tb") == [{"inputs": "\na\r", "targets": "b"}]
    assert made(preprocessors.parse_tsv, "a\tb", field_columns=()) == [{"inputs": "a", "targets": "b"}]
    with pytest.raises(ValueError, match=r"parse_tsv: field_columns is \[-1, 0\]"):
        made(preprocessors.parse_tsv, "a\tb", field_columns=[-1, 0])
    with pytest.raises(ValueError, match=r"parse_tsv: field_columns is \[0\] for the fields inputs, targets"):
        made(preprocessors.parse_tsv, "a\tb", field_columns=[0])
    for line in ("alone", "a\tb\tc", ""):
        with pytest.raises(tf.errors.InvalidArgumentError, match="parse_tsv: not 2 fields"):
            made(preprocessors.parse_tsv, line)
    with pytest.raises(tf.errors.InvalidArgumentError, match="parse_tsv: not 1 fields"):
        made(preprocessors.parse_tsv, "", field_names=["text"])


def test_preprocess_tsv_by_number_and_by_name() -> None:
    lines = ("6,7,42", "2,9,18")
    expected = [
        {"inputs": "numerator: 42 denominator: 7", "targets": "quotient: 6"},
        {"inputs": "numerator: 18 denominator: 9", "targets": "quotient: 2"},
    ]
    by_number = made(
        preprocessors.preprocess_tsv, *lines, field_delim=",", num_fields=3,
        inputs_format="numerator: {2} denominator: {1}", targets_format="quotient: {0}",
    )  # fmt: skip
    by_name = made(
        preprocessors.preprocess_tsv, *lines, field_delim=",", field_names=["quot", "denom", "numer"],
        inputs_format="numerator: {numer} denominator: {denom}", targets_format="quotient: {quot}",
    )  # fmt: skip
    assert by_number == by_name == expected
    assert made(preprocessors.preprocess_tsv, "a\tb") == [{"inputs": "a", "targets": "b"}]
    quoted = made(preprocessors.preprocess_tsv, '"a,b",c', field_delim=",", use_quote_delim=True)
    assert quoted == [{"inputs": "a,b", "targets": "c"}]
    with pytest.raises(ValueError, match="names '2'; the example has 0, 1"):
        made(preprocessors.preprocess_tsv, "a\tb", inputs_format="{2}")
    with pytest.raises(tf.errors.InvalidArgumentError):
        made(preprocessors.preprocess_tsv, "a\tb\tc")


# GLUE.


def test_glue_sorts_its_features() -> None:
    example = {"question2": "Why?", "question1": "Why so?", "label": 1, "idx": 10}
    arguments = {"benchmark_name": "qqp", "label_names": ["not_duplicate", "duplicate"]}
    expected = {"inputs": "qqp question1: Why so? question2: Why?", "targets": "duplicate", "idx": 10}
    assert made(preprocessors.glue, example, **arguments) == [expected]
    turned = made(preprocessors.glue, example, **arguments, feature_names=["question2", "question1"], id_key=None)
    assert turned == [{"inputs": "qqp question2: Why? question1: Why so?", "targets": "duplicate"}]
    hidden = made(preprocessors.glue, {**example, "label": -1}, **arguments)
    assert hidden[0]["targets"] == "<unk>"


@pytest.mark.parametrize("label", [2, 3, -2])
def test_a_label_without_a_name_is_refused(label: int) -> None:
    arguments = {"benchmark_name": "qqp", "label_names": ["not_duplicate", "duplicate"]}
    with pytest.raises(tf.errors.InvalidArgumentError):
        made(preprocessors.glue, {"question": "Why?", "label": label, "idx": 10}, **arguments)


def test_a_label_that_is_no_whole_number_is_refused() -> None:
    arguments = {"benchmark_name": "qqp", "label_names": ["not_duplicate", "duplicate"]}
    for label in (0.7, True, "duplicate"):
        with pytest.raises(ValueError, match=r"glue: label is (float32|bool|string)"):
            made(preprocessors.glue, {"question": "Why?", "label": label, "idx": 10}, **arguments)


def test_an_id_of_another_name_is_part_of_the_inputs_only_as_text() -> None:
    arguments = {"benchmark_name": "b", "label_names": ["no", "yes"], "id_key": "guid"}
    (row,) = made(preprocessors.glue, {"text": "Why?", "label": 1, "guid": "x7"}, **arguments)
    assert row == {"inputs": "b guid: x7 text: Why?", "targets": "yes", "idx": "x7"}  # as in T5
    (row,) = made(preprocessors.glue, {"text": "Why?", "label": 1, "guid": 7}, **arguments)
    assert row == {"inputs": "b text: Why?", "targets": "yes", "idx": 7}
    (row,) = made(preprocessors.glue, {"text": "Why?", "label": 1, "guid": "x7"}, feature_names=["text"], **arguments)
    assert row == {"inputs": "b text: Why?", "targets": "yes", "idx": "x7"}


def test_multirc_loses_its_markup() -> None:
    example = {
        "paragraph": "<b>Sent 1: </b>Ann sang.<br>It rained.", "question": "Who?", "answer": "Ann", "label": 1,
        "idx": {"paragraph": 5, "question": 1, "answer": 3},
    }  # fmt: skip
    names = {"label_names": ["False", "True"], "feature_names": ("question", "answer", "paragraph")}
    (row,) = made(preprocessors.glue, example, benchmark_name="multirc", **names)
    assert row == {
        "inputs": "multirc question: Who? answer: Ann paragraph: Sent 1: Ann sang. It rained.", "targets": "True",
        "idx/paragraph": 5, "idx/question": 1, "idx/answer": 3,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("label", "text"),
    [(0.0, "0.0"), (2.73, "2.8"), (1.8, "1.8"), (2.5, "2.4"), (3.1, "3.2"), (4.9, "4.8"), (5.0, "5.0")],
)
def test_stsb_rounds_to_the_nearest_fifth_and_halves_to_even(label: float, text: str) -> None:
    example = {"sentence1": "A", "sentence2": "B", "label": tf.constant(label, tf.float32), "idx": 1}
    assert made(preprocessors.stsb, example) == [
        {"inputs": "stsb sentence1: A sentence2: B", "targets": text, "idx": 1}
    ]


# Generation.


def test_translate_by_the_names_of_the_languages() -> None:
    example = {"en": "That is good.", "de": "Das ist gut.", "zh-cn": "好", "fil": "Iyan"}

    def inputs(source: str, target: str) -> str:
        (row,) = made(preprocessors.translate, example, source_language=source, target_language=target)
        assert row["targets"] == example[target]
        return row["inputs"]

    assert inputs("en", "de") == "translate English to German: That is good."
    assert inputs("zh-cn", "fil") == "translate Chinese to Filipino: 好"
    with pytest.raises(ValueError, match="'xx' names no language"):
        preprocessors.translate(tf.data.Dataset.from_tensors({"xx": "a", "en": "b"}), "xx", "en")
    with pytest.raises(ValueError, match="'EN' has no English name"):
        preprocessors.translate(tf.data.Dataset.from_tensors({"EN": "a", "de": "b"}), "EN", "de")


def test_summarize() -> None:
    example = {"article": "It rained ...", "highlights": "Rain."}
    expected = [{"inputs": "summarize: It rained ...", "targets": "Rain."}]
    assert made(preprocessors.summarize, example, article_key="article", summary_key="highlights") == expected


def test_examples_without_a_feature_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="translate: no feature 'de'; the example has en"):
        made(preprocessors.translate, {"en": "a"}, source_language="en", target_language="de")
    with pytest.raises(ValueError, match="summarize: no feature 'b'; the example has a"):
        made(preprocessors.summarize, {"a": "a"}, article_key="a", summary_key="b")
    with pytest.raises(ValueError, match="glue: no feature 'text'; the example has label, idx"):
        made(preprocessors.glue, {"label": 1, "idx": 3}, benchmark_name="b", label_names=["a"], feature_names=["text"])


def test_squad_without_an_answer_is_refused_by_its_id() -> None:
    answers = tf.constant([], tf.string)
    example = {"id": "q77", "question": "Who?", "context": "Ann sang.", "answers": {"text": answers}}
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"squad: no answer to question.*q77"):
        made(preprocessors.squad, example)


def test_squad_pads_punctuation_as_t5_does() -> None:
    example = {
        "id": "7", "question": "Where is it?", "context": 'It is  "here",\n(ok).',
        "answers": {"text": tf.constant(["here", "in (here)"]), "answer_start": tf.constant([1, 2])},
    }  # fmt: skip
    (row,) = made(preprocessors.squad, example)
    assert row == {
        "inputs": 'question: Where is it ? context: It is " here " , ( ok ) . ', "targets": "here", "id": "7",
        "question": "Where is it ? ", "context": 'It is " here " , ( ok ) . ', "answers": ["here", "in ( here ) "],
    }  # fmt: skip
    (row,) = made(preprocessors.squad, example, include_context=False)
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
