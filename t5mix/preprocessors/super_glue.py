"""ReCoRD of SuperGLUE as text, in T5's format."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from t5mix.lazy import lazy_import
from t5mix.mapping import each_example, map_over_dataset

if TYPE_CHECKING:
    import tensorflow as tf
else:
    tf = lazy_import("tensorflow")

Example = Mapping[str, Any]


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
