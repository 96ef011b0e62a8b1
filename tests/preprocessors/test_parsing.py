"""Steps that rename, parse and show features."""

from collections.abc import Callable

import pytest
import tensorflow as tf

from t5mix import preprocessors


def test_rekey(rows_of: Callable) -> None:
    example = {"text": "It rains", "other": 3}
    rekeyed = rows_of(preprocessors.rekey, example, key_map={"inputs": None, "targets": "text", "more": ""})
    assert rekeyed == [{"inputs": "", "targets": "It rains", "more": ""}]
    assert rows_of(preprocessors.rekey, example) == [example]
    with pytest.raises(ValueError, match="no feature 'txt'; the example has text, other"):
        rows_of(preprocessors.rekey, example, key_map={"targets": "txt"})


def test_print_dataset_changes_nothing(rows_of: Callable, capfd: pytest.CaptureFixture) -> None:
    assert rows_of(preprocessors.print_dataset, {"targets": "It rains"}) == [{"targets": "It rains"}]
    assert "targets: It rains" in capfd.readouterr().err.replace('"', "")


def test_parse_tsv(rows_of: Callable) -> None:
    assert rows_of(preprocessors.parse_tsv, 'It "rains\tEs regnet') == [{"inputs": 'It "rains', "targets": "Es regnet"}]
    assert rows_of(preprocessors.parse_tsv, "a\tb", field_names=None) == [{"inputs": "a", "targets": "b"}]
    picked = rows_of(preprocessors.parse_tsv, "a,b,c", field_names=["x", "y"], field_delim=",", field_columns=[2, 0])
    assert picked == [{"x": "c", "y": "a"}]
    assert rows_of(preprocessors.parse_tsv, "\na\r\tb") == [{"inputs": "\na\r", "targets": "b"}]
    assert rows_of(preprocessors.parse_tsv, "a\tb", field_columns=()) == [{"inputs": "a", "targets": "b"}]
    with pytest.raises(ValueError, match=r"parse_tsv: field_columns is \[-1, 0\]"):
        rows_of(preprocessors.parse_tsv, "a\tb", field_columns=[-1, 0])
    with pytest.raises(ValueError, match=r"parse_tsv: field_columns is \[0\] for the fields inputs, targets"):
        rows_of(preprocessors.parse_tsv, "a\tb", field_columns=[0])
    for line in ("alone", "a\tb\tc", ""):
        with pytest.raises(tf.errors.InvalidArgumentError, match="parse_tsv: not 2 fields"):
            rows_of(preprocessors.parse_tsv, line)
    with pytest.raises(tf.errors.InvalidArgumentError, match="parse_tsv: not 1 fields"):
        rows_of(preprocessors.parse_tsv, "", field_names=["text"])


def test_preprocess_tsv_by_number_and_by_name(rows_of: Callable) -> None:
    lines = ("6,7,42", "2,9,18")
    expected = [
        {"inputs": "numerator: 42 denominator: 7", "targets": "quotient: 6"},
        {"inputs": "numerator: 18 denominator: 9", "targets": "quotient: 2"},
    ]
    by_number = rows_of(
        preprocessors.preprocess_tsv, *lines, field_delim=",", num_fields=3,
        inputs_format="numerator: {2} denominator: {1}", targets_format="quotient: {0}",
    )  # fmt: skip
    by_name = rows_of(
        preprocessors.preprocess_tsv, *lines, field_delim=",", field_names=["quot", "denom", "numer"],
        inputs_format="numerator: {numer} denominator: {denom}", targets_format="quotient: {quot}",
    )  # fmt: skip
    assert by_number == by_name == expected
    assert rows_of(preprocessors.preprocess_tsv, "a\tb") == [{"inputs": "a", "targets": "b"}]
    quoted = rows_of(preprocessors.preprocess_tsv, '"a,b",c', field_delim=",", use_quote_delim=True)
    assert quoted == [{"inputs": "a,b", "targets": "c"}]
    with pytest.raises(ValueError, match="names '2'; the example has 0, 1"):
        rows_of(preprocessors.preprocess_tsv, "a\tb", inputs_format="{2}")
    with pytest.raises(tf.errors.InvalidArgumentError):
        rows_of(preprocessors.preprocess_tsv, "a\tb\tc")


def test_preprocess_tensorflow_examples(rows_of: Callable) -> None:
    example = {"title": "Rain", "year": "1921", "idx": 3}
    step = preprocessors.preprocess_tensorflow_examples
    made = rows_of(step, example, inputs_format="title: {title} {title}", targets_format="{year}")
    assert made == [{"inputs": "title: Rain Rain", "targets": "1921"}]
    with pytest.raises(ValueError, match="names 'name'; the example has title, year, idx"):
        rows_of(step, example, inputs_format="{name}", targets_format="{year}")
    with pytest.raises(TypeError, match="names 'idx', which is no text"):
        rows_of(step, example, inputs_format="{idx}", targets_format="{year}")
