"""GLUE and SuperGLUE as text, in T5's format (Raffel et al., 2020, arXiv:1910.10683)."""

from collections.abc import Mapping, Sequence
from typing import Any

from t5mix.internal.lazy import tensorflow as tf
from t5mix.preprocessors import input_checks
from t5mix.preprocessors.mapping import each_example, map_over_dataset

Example = Mapping[str, Any]


@map_over_dataset
def glue(
    example: Example,
    benchmark_name: str,
    label_names: Sequence[str],
    feature_names: Sequence[str] | None = None,
    id_key: str | None = "idx",
) -> dict[str, Any]:
    """Makes a sentence of the named features and a word of the label.

    Before, with benchmark_name "qqp" and label_names ["not_duplicate", "duplicate"]:
    `{"question1": "Why so?", "question2": "Why?", "label": 1, "idx": 10}`; after: `{"inputs": "qqp
    question1: Why so? question2: Why?", "targets": "duplicate", "idx": 10}`.

    Args:
        example: strings by name, `label` and the id.
        benchmark_name: the first word of the inputs.
        label_names: the word of label 0, 1, ...; label -1, of hidden test labels, becomes "<unk>".
        feature_names: which features to take, in this order; None takes all but label and id, sorted.
        id_key: name of the id, kept as `idx`; None keeps none. As in T5, an id that is a text and has another name is
            one of all features.

    Raises:
        ValueError: when a feature is missing, or the label is no whole number.
        tf.errors.InvalidArgumentError: while reading, when a label has no name.
    """
    names = feature_names or _all_features(example, id_key)
    input_checks.require("glue", example, *names)
    words: list[Any] = [benchmark_name]
    for name in names:
        words += [f"{name}:", example[name]]
    inputs = tf.strings.join(words, separator=" ")
    result: dict[str, Any] = {}
    if benchmark_name == "multirc":
        inputs = tf.strings.regex_replace(inputs, "<br>", " ")
        inputs = tf.strings.regex_replace(inputs, "</?b>", "")
        for key in ("paragraph", "question", "answer"):
            result[f"idx/{key}"] = example["idx"][key]
    elif id_key:
        result["idx"] = example[id_key]
    return {**result, "inputs": inputs, "targets": label_word("glue", example["label"], label_names)}


def _all_features(example: Example, id_key: str | None) -> list[str]:
    others = set(example) - {"label", "idx"}
    if id_key in others and tf.convert_to_tensor(example[id_key]).dtype != tf.string:
        others.remove(id_key)
    return sorted(others)


def label_word(step: str, label: Any, label_names: Sequence[str]) -> Any:
    """Returns the name of a class, string []; "<unk>" for -1, which hidden labels have.

    Raises:
        ValueError: when the label is no whole number.
        tf.errors.InvalidArgumentError: while reading, when it is no class.
    """
    label = tf.convert_to_tensor(label)
    if not label.dtype.is_integer:
        raise ValueError(f"{step}: label is {label.dtype.name}; give the number of the class, a whole number")
    return tf.gather(["<unk>", *label_names], tf.cast(label, tf.int64) + 1)


@map_over_dataset
def stsb(example: Example) -> dict[str, Any]:
    """Makes a word of STS-B's similarity: a multiple of 0.2, from "0.0" to "5.0".

    Before: `{"sentence1": "A man sings.", "sentence2": "Someone sings.", "label": 3.73, "idx": 5}`;
    after: `{"inputs": "stsb sentence1: A man sings. sentence2: Someone sings.", "targets": "3.8",
    "idx": 5}`.
    """
    words = ["stsb sentence1:", example["sentence1"], "sentence2:", example["sentence2"]]
    return {
        "inputs": tf.strings.join(words, separator=" "),
        "targets": tf.strings.as_string(tf.round(example["label"] * 5) / 5, precision=1),
        "idx": example["idx"],
    }


@each_example
def record(dataset: "tf.data.Dataset") -> "tf.data.Dataset":
    r"""Asks which entity fills a gap; one example for each correct answer, or one with "<unk>" when there is none.

    Before: `{"passage": "Ann sang.\n@highlight\nBo came", "query": "@placeholder sang", "entities": ["Ann", "Bo"],
    "answers": ["Ann"], "idx": {"passage": 5, "query": 7}}`; after: `{"inputs": "record query: @placeholder sang
    entities: Ann, Bo passage: Ann sang. Bo came", "targets": "Ann", "answers": ["Ann"], "idx/passage": 5,
    "idx/query": 7}`.
    """
    return map_over_dataset(_one_per_answer)(dataset).unbatch()


def _one_per_answer(example: Example) -> dict[str, Any]:
    answers = example["answers"]
    targets = tf.cond(tf.size(answers) > 0, lambda: answers, lambda: tf.constant(["<unk>"]))
    words = ["record query:", example["query"], "entities:", _listed(example["entities"])]
    inputs = tf.strings.join([*words, "passage:", _sentences(example["passage"])], separator=" ")
    shared = {
        "idx/passage": example["idx"]["passage"],
        "idx/query": example["idx"]["query"],
        "inputs": inputs,
        "answers": answers,
    }
    count = tf.size(targets)
    repeated = {key: tf.repeat(value[tf.newaxis], count, axis=0) for key, value in shared.items()}
    return {**repeated, "targets": targets}


def _listed(entities: Any) -> Any:
    return tf.strings.reduce_join(entities, separator=", ")


def _sentences(passage: Any) -> Any:
    """Makes sentences of the highlights, which the data mark by a line of their own."""
    passage = tf.strings.regex_replace(passage, r"""([.?!"'])\n@highlight\n""", r"\1 ")
    return tf.strings.regex_replace(passage, r"\n@highlight\n", ". ")
