"""GLUE and SuperGLUE as text, in T5's format (Raffel et al., 2020, arXiv:1910.10683)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from t5mix.lazy import lazy_import
from t5mix.mapping import map_over_dataset

if TYPE_CHECKING:
    import tensorflow as tf
else:
    tf = lazy_import("tensorflow")

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
      id_key: name of the id, kept as `idx`; None keeps none.
    """
    names = feature_names or sorted(set(example) - {"label", "idx", id_key})
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
    return {**result, "inputs": inputs, "targets": _label(example["label"], label_names)}


def _label(label: Any, label_names: Sequence[str]) -> Any:
    label = tf.cast(label, tf.int64)
    hidden = tf.cast(len(label_names), tf.int64)
    return tf.gather([*label_names, "<unk>"], tf.where(label == -1, hidden, label))


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
