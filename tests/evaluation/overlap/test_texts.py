"""Texts of splits, through the token cache and without it."""

import functools

import pytest

import t5mix
from t5mix import preprocessors
from t5mix.evaluation.overlap import texts

ROWS = [("sum: é one", "1"), ("sum: two", "2"), ("sum: three", "3")]


def data(split, shuffle_files):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices({"inputs": [a for a, _ in ROWS], "targets": [b for _, b in ROWS]})


def task(**arguments) -> t5mix.Task:
    return t5mix.Task(
        "texts",
        source=t5mix.FunctionDataSource(data, splits=["test"], **arguments),
        preprocessors=[preprocessors.tokenize, preprocessors.append_eos],
        output_features={name: t5mix.Feature(t5mix.ByteVocabulary()) for name in ("inputs", "targets")},
    )


@pytest.mark.parametrize("permitted", [True, False])
def test_inputs_and_targets(permitted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    made = task(caching_permitted=permitted)
    assert list(texts.read(made, "test")) == [([a for a, _ in ROWS], [b for _, b in ROWS])]
    monkeypatch.setattr(texts, "AT_ONCE", 20)
    assert [len(inputs) for inputs, _ in texts.read(made, "test")] == [2, 1]


def test_the_words_that_all_begin_with_are_left_out() -> None:
    found = texts.evaluation_examples(task(), "test")
    assert found.texts == ["é one", "two", "three"]
    assert found.targets == ["1", "2", "3"]


def test_an_objective_is_not_run() -> None:
    document = "a document of some words"
    made = t5mix.Task(
        "documents",
        source=t5mix.FunctionDataSource(functools.partial(documents, document), splits=["train"]),
        preprocessors=[
            functools.partial(preprocessors.rekey, key_map={"inputs": None, "targets": "text"}),
            preprocessors.tokenize,
            preprocessors.span_corruption,
            preprocessors.append_eos_after_trim,
        ],
        output_features={name: t5mix.Feature(t5mix.ByteVocabulary()) for name in ("inputs", "targets")},
    )
    ((inputs, targets),) = texts.read(made, "train")
    assert targets == [document]
    assert inputs in ([""], ["None"])


def documents(document, split, shuffle_files):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices({"text": [document]})


def test_the_words_that_all_begin_with_are_those_of_the_whole_split(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where all texts that are read first share more words."""
    monkeypatch.setattr(texts, "AT_ONCE", 2)
    assert texts.prefix_of(numbers(["sum: the one", "sum: the two", "sum: a third"]), "train") == "sum: "
    assert texts.prefix_of(numbers(["only one"]), "train") == ""
    assert texts.prefix_of(numbers(["the same", "the same"]), "train") == ""


def numbers(inputs: list[str]) -> t5mix.Task:
    return t5mix.Task(
        "numbers",
        source=t5mix.FunctionDataSource(functools.partial(given, inputs), splits=["train"]),
        preprocessors=[preprocessors.tokenize, preprocessors.append_eos],
        output_features={name: t5mix.Feature(t5mix.ByteVocabulary()) for name in ("inputs", "targets")},
    )


def given(inputs, split, shuffle_files):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices({"inputs": inputs, "targets": ["x"] * len(inputs)})
