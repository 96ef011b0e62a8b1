"""Questions on long texts, and answers as positions in the text, in T5's format."""

from collections.abc import Mapping
from typing import Any

from t5mix.internal.lazy import tensorflow as tf
from t5mix.preprocessors.formats import generation
from t5mix.preprocessors.mapping import each_example, map_over_dataset

Example = Mapping[str, Any]


@each_example
def squad_span_space_tokenized(dataset: "tf.data.Dataset") -> "tf.data.Dataset":
    r"""Asks a question of a text; the target says where the first answer stands.

    Before: `{"id": "7", "question": "Who?", "context": "Ann and Bob sang.", "answers": {"text": ["Bob"]}}`; after:
    what `squad` makes, with `"targets": "start: 2 end: 2"`.

    What counts is what is left between spaces when everything but ASCII letters, digits and "_" has become one: two
    spaces in a row have an empty word between them. An answer that is not in the text drops the example. T5 also
    drops an answer at the very end of the text; it is kept here.
    """

    def locate(example: Example) -> dict[str, Any]:
        return {**example, "targets": span_answer(example["context"], example["targets"])}

    located = map_over_dataset(locate)(generation.squad(dataset))
    return located.filter(lambda example: example["targets"] != "")


def span_answer(text: Any, answer: Any) -> Any:
    """Returns "start: 2 end: 2", where an answer stands in a text, or "" when it does not."""
    words, answer_words = _words(text), _words(answer)
    starts = tf.range(tf.maximum(tf.size(words) - tf.size(answer_words) + 1, 0))
    windows = tf.gather(words, starts[:, tf.newaxis] + tf.range(tf.size(answer_words)))
    found = tf.where(tf.reduce_all(windows == answer_words, axis=1))[:, 0]

    def named() -> Any:
        first = tf.cast(found[0], tf.int32)
        last = first + tf.size(answer_words) - 1
        return tf.strings.join(["start:", tf.as_string(first), "end:", tf.as_string(last)], separator=" ")

    return tf.cond(tf.size(found) > 0, named, lambda: tf.constant(""))


def _words(text: Any) -> Any:
    return tf.strings.split(tf.strings.regex_replace(text, r"\W", " "), sep=" ")


@each_example
def trivia_qa(dataset: "tf.data.Dataset") -> "tf.data.Dataset":
    """Asks a question of every text that holds an answer: one example for each answer it holds.

    Before: `{"question": "Who sang?", "answer": {"normalized_aliases": ["ann", "anna b"]}, "entity_pages":
    {"wiki_context": ["Ann sang."]}, "search_results": {"search_context": ["Bo sat.", "It was Anna B."]}}`; after:
    `{"inputs": "question: Who sang ? context: Ann sang . ", "targets": "ann"}` and two with `"inputs": "question: Who
    sang ? context: It was Anna B . "`, `"targets": "ann"` and `"anna b"`.

    An answer counts wherever its letters stand, in either case, also inside a longer word. T5 reads the answer as a
    regular expression, in which "." means any letter and a lone "(" is an error; here it means itself.

    Raises:
        ValueError: when the examples have neither `entity_pages` nor `search_results`.
    """
    return map_over_dataset(_one_per_text_and_answer)(dataset).unbatch()


def _one_per_text_and_answer(example: Example) -> dict[str, Any]:
    texts: list[Any] = []
    if "entity_pages" in example:
        texts.append(example["entity_pages"]["wiki_context"])
    if "search_results" in example:
        texts.append(example["search_results"]["search_context"])
    if not texts:
        raise ValueError(
            f"trivia_qa: no feature 'entity_pages' or 'search_results'; the example has {', '.join(example)}"
        )
    contexts = generation.pad_punctuation(tf.concat(texts, axis=0))
    answers = generation.pad_punctuation(example["answer"]["normalized_aliases"])
    patterns = tf.strings.join([r".*\Q", tf.strings.lower(answers), r"\E.*"])

    lowered, count = tf.strings.lower(contexts), tf.size(patterns)

    def holds(pair: Any) -> Any:
        return tf.strings.regex_full_match(lowered[pair // count], patterns[pair % count])

    held = tf.map_fn(holds, tf.range(tf.size(lowered) * count), fn_output_signature=tf.TensorSpec([], tf.bool))
    found = tf.where(tf.reshape(held, [-1, count]))
    question = generation.pad_punctuation(example["question"])
    inputs = tf.strings.join(["question:", question, "context:", tf.gather(contexts, found[:, 0])], separator=" ")
    inputs = tf.strings.regex_replace(inputs, r"\s+", " ")
    return {"inputs": inputs, "targets": tf.gather(answers, found[:, 1])}


def trivia_qa_truncate_inputs(
    dataset: "tf.data.Dataset",
    output_features: Mapping[str, Any] | None = None,
    sequence_length: Mapping[str, int] | None = None,
) -> "tf.data.Dataset":
    """Cuts long inputs to a random window that holds the targets; drops examples whose targets are not there.

    Before, with sequence_length `{"inputs": 4}`: `{"inputs": [3, 5, 7, 9, 11, 13], "targets": [5, 7]}`; after:
    `{"inputs": [3, 5, 7, 9], "targets": [5, 7]}`, or the same with `[5, 7, 9, 11]`.

    As in T5 the window has the full length, so EOS takes the place of its last token afterwards, and other features
    are not kept.

    Args:
        dataset: examples of tokens, `inputs` and `targets`, int [length].
        output_features: not used.
        sequence_length: the greatest length of `inputs`; without it nothing is cut.
    """
    limit = (sequence_length or {}).get("inputs")

    def cut(example: Example, seed: Any) -> dict[str, Any]:
        inputs, targets = example["inputs"], example["targets"]
        if limit is not None:
            inputs = tf.cond(tf.size(inputs) > limit, lambda: _window(inputs, targets, limit, seed), lambda: inputs)
        return {"inputs": inputs, "targets": targets}

    return map_over_dataset(cut, num_seeds=1)(dataset).filter(lambda example: tf.size(example["inputs"]) > 0)


def _window(inputs: Any, targets: Any, limit: int, seed: Any) -> Any:
    """Returns `limit` of the inputs with the first occurrence of the targets in them, or none of them."""
    size, targets_size = tf.size(inputs), tf.size(targets)
    starts = tf.range(tf.maximum(size - targets_size + 1, 0))
    windows = tf.gather(inputs, starts[:, tf.newaxis] + tf.range(targets_size))
    found = tf.cast(tf.where(tf.reduce_all(windows == targets, axis=1))[:, 0], tf.int32)

    def around() -> Any:
        least = tf.maximum(found[0] + targets_size - limit, 0)
        most = tf.minimum(found[0], size - limit)
        start = tf.random.stateless_uniform([], seed, minval=least, maxval=most + 1, dtype=tf.int32)
        return inputs[start : start + limit]

    return tf.cond((tf.size(found) > 0) & (targets_size <= limit), around, lambda: inputs[:0])
