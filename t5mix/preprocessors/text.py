"""Steps on running text, before it is tokenized."""

import math
from collections.abc import Mapping
from typing import Any

from t5mix.internal.lazy import tensorflow as tf
from t5mix.preprocessors import input_checks
from t5mix.preprocessors.mapping import draws_seeds, each_example, map_over_dataset

Example = Mapping[str, Any]

# Blocks of Unicode whose scripts put no spaces between words.
_BLOCKS = {
    "Myanmar": "\u1000-\u104f",
    "CJK unified ideographs": "\u4e00-\u9fff",
    "CJK extension A": "\u3400-\u4dbf",
    "CJK compatibility": "\uf900-\ufaff",
    "CJK radicals": "\u2e80-\u2eff",
    "CJK strokes": "\u31c0-\u31ef",
    "CJK punctuation": "\u3000-\u303f",
    "Hiragana": "\u3040-\u309f",
    "Katakana": "\u30a0-\u30ff",
    "Javanese": "\ua980-\ua9df",
    "Khmer": "\u1780-\u17ff",
    "Khmer symbols": "\u19e0-\u19ff",
    "Lao": "\u0e80-\u0eff",
    "New Tai Lue": "\u1980-\u19df",
    "Tai Tham": "\u1a20-\u1aaf",
    "Thai": "\u0e00-\u0e7f",
    "Tibetan": "\u0f00-\u0fff",
}
NON_SPACED_LANGUAGE_RANGES = tuple(_BLOCKS.values())


@map_over_dataset
def pad_nonspaced_languages(x: Example, text_key: str = "text") -> dict[str, Any]:
    """Sets every character of scripts without spaces between words off by spaces.

    Before: `{"text": "Hello. 你好。"}`; after: `{"text": "Hello. 你 好 。 "}`.

    Args:
        x: an example.
        text_key: the feature to change.
    """
    input_checks.require("pad_nonspaced_languages", x, text_key)
    text = tf.strings.regex_replace(x[text_key], f"([{''.join(NON_SPACED_LANGUAGE_RANGES)}])", r" \1 ")
    return {**x, text_key: tf.strings.regex_replace(text, r"\s+", " ")}


@map_over_dataset
def lm(x: Example) -> dict[str, Any]:
    """Makes text a target without inputs.

    Before: `{"text": "It rains"}`; after: `{"inputs": "", "targets": "It rains"}`.
    """
    input_checks.require("lm", x, "text")
    return {"inputs": "", "targets": x["text"]}


@each_example
def filter_by_string_length(
    dataset: "tf.data.Dataset",
    feature_key: str = "targets",
    min_length: int = 1,
    max_length: int = 1_000_000,
    **unused_kwargs: Any,
) -> "tf.data.Dataset":
    """Keeps examples with a text of some length, in bytes of UTF-8.

    Before, with min_length 5: `{"targets": "short"}` and `{"targets": "tiny"}`; after: the first.

    Args:
        dataset: examples, not tokenized.
        feature_key: the text.
        min_length: the least length kept.
        max_length: the greatest length kept.
        **unused_kwargs: `sequence_length` and `output_features`, which are not used.
    """
    input_checks.only_of_a_run("filter_by_string_length", unused_kwargs)

    def fits(example: Example) -> Any:
        input_checks.require("filter_by_string_length", example, feature_key)
        length = tf.strings.length(example[feature_key])
        return (length >= min_length) & (length <= max_length)

    return dataset.filter(fits)


@each_example
def split_text_to_words(
    dataset: "tf.data.Dataset", text_key: str = "text", min_num_words: int = 2
) -> "tf.data.Dataset":
    """Adds the words of a text, as white space divides them; keeps examples with enough of them.

    Before: `{"text": "It  rains"}` and `{"text": "Rain"}`; after: `{"text": "It  rains", "words": ["It", "rains"]}`.
    """

    def split(example: Example) -> dict[str, Any]:
        input_checks.require("split_text_to_words", example, text_key)
        return {**example, "words": tf.strings.split(example[text_key])}

    return map_over_dataset(split)(dataset).filter(lambda example: tf.size(example["words"]) >= min_num_words)


@draws_seeds(2)
def random_split_text(
    dataset: "tf.data.Dataset",
    text_key: str = "text",
    min_words_per_segment: int = 16,
    max_words_per_segment: int = 512,
    max_words_total: int | None = 8192,
) -> "tf.data.Dataset":
    """Cuts each text into texts of equally many words, how many being drawn for each; the last may be shorter.

    Before, when the draw is 2: `{"text": "a b c d e"}`; after: `{"text": "a b"}`, `{"text": "c d"}`, `{"text": "e"}`.

    Of a longer text only one part of max_words_total words is used, drawn too. Other features are not kept, and a
    text without words makes no example.

    Args:
        dataset: examples of text.
        text_key: the text.
        min_words_per_segment: the least number of words; the logarithm of the number is uniform.
        max_words_per_segment: the greatest number of words.
        max_words_total: words used of a text; 0 or None uses all.

    Raises:
        ValueError: when the numbers of words are not 1 or more and in order.
    """
    least, most = min_words_per_segment, max_words_per_segment
    if not 1 <= least <= most:
        raise ValueError(
            f"random_split_text: min_words_per_segment is {least} and max_words_per_segment {most}; give whole numbers "
            "from 1 with the first no greater"
        )

    def cut(example: Example, seeds: Any) -> dict[str, Any]:
        input_checks.require("random_split_text", example, text_key)
        words = tf.strings.split(example[text_key])
        if max_words_total:
            words = _random_part(words, max_words_total, seeds[0])
        length = log_uniform(least, most, seeds[1])
        segments = tf.RaggedTensor.from_value_rowids(words, tf.range(tf.size(words)) // length)
        return {text_key: tf.strings.reduce_join(segments, axis=1, separator=" ")}

    return map_over_dataset(cut, num_seeds=2)(dataset).unbatch()


def _random_part(words: Any, size: int, seed: Any) -> Any:
    """Draws one of the parts of `size` words, of which the last may be shorter, each as likely."""
    parts = tf.maximum((tf.size(words) + size - 1) // size, 1)
    start = size * tf.random.stateless_uniform([], seed, minval=0, maxval=parts, dtype=tf.int32)
    return words[start : start + size]


def log_uniform(least: int, most: int, seed: Any) -> Any:
    """Returns a whole number from `least` to `most`, int32 [], the logarithm of which is drawn uniformly.

    The draw is rounded down, so `most` itself is as good as never drawn.
    """
    drawn = tf.random.stateless_uniform([], seed, minval=math.log(least), maxval=math.log(most))
    # In float32 exp(log(8)) is less than 8.
    return tf.clip_by_value(tf.cast(tf.exp(drawn), tf.int32), least, most)
