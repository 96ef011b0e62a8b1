"""Which noun a pronoun means, as text: WSC and DPR in T5's format, and WNLI recast as WSC.

T5's paper (Raffel et al., 2020, arXiv:1910.10683, section 2.4) says why: naming the noun is text to text, and a yes
or no about a marked noun is learnt from 554 examples only with luck. The pronoun stands between asterisks.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from t5mix.internal.lazy import tensorflow as tf
from t5mix.preprocessors.formats.glue import label_word
from t5mix.preprocessors.mapping import each_example, map_over_dataset

Example = Mapping[str, Any]


@map_over_dataset
def definite_pronoun_resolution_simple(example: Example, label: str = "wsc:") -> dict[str, Any]:
    """Asks for the noun that a pronoun means; of a pronoun that occurs twice, the first is meant.

    The pronoun must have a space before it and a space, full stop or comma behind it; otherwise it stays unmarked, as
    in T5.

    Before: `{"sentence": "Bob asked Tom if he can lend some money.", "pronoun": "he", "candidates": ["Bob", "Tom"],
    "label": 1}`; after: `{"inputs": "wsc: Bob asked Tom if *he* can lend some money.", "targets": "Tom"}`.

    Args:
        example: an example of the Definite Pronoun Resolution data set.
        label: the first word of the inputs.
    """
    pattern = tf.strings.join([" (", _literally(example["pronoun"]), ")([ .,])"])
    marked = tf.strings.regex_replace(example["sentence"], pattern, r" *\1*\2", replace_global=False)
    return {
        "inputs": tf.strings.join([label, marked], separator=" "),
        "targets": example["candidates"][example["label"]],
    }


def _literally(text: Any) -> Any:
    """Returns the regular expression of a text; T5 reads spans and pronouns as regular expressions."""
    return tf.strings.regex_replace(text, "([[:punct:]])", r"\\\1")


@each_example
def wsc_simple(
    dataset: "tf.data.Dataset", label: str = "wsc:", correct_referent_only: bool = False
) -> "tf.data.Dataset":
    """Asks for the noun that a pronoun means; the target is the noun proposed, be it right or wrong.

    Before: `{"text": "Mitchell asked Tom if he could lend some money.", "span1_text": "Tom", "span2_text": "he",
    "span2_index": 4, "label": 1, "idx": 7}`; after: `{"inputs": "wsc: Mitchell asked Tom if *he* could lend some
    money.", "targets": "Tom", "label": 1, "idx": 7}`.

    Args:
        dataset: examples of SuperGLUE's WSC.
        label: the first word of the inputs.
        correct_referent_only: keep only those whose noun is right, for training.

    Raises:
        tf.errors.InvalidArgumentError: while reading, when the pronoun is not at its position or the one behind.
    """

    def convert(example: Example) -> dict[str, Any]:
        return {
            "inputs": tf.strings.join([label, _mark_pronoun(example)], separator=" "),
            "targets": example["span1_text"],
            "label": example.get("label", 0),
            "idx": example["idx"],
        }

    if correct_referent_only:
        dataset = dataset.filter(lambda example: tf.cast(example.get("label", False), tf.bool))
    return map_over_dataset(convert)(dataset)


def _mark_pronoun(example: Example) -> Any:
    """Returns the text with the pronoun between asterisks.

    In two texts of the data the pronoun is not the word at its index: once it is the next word, and once punctuation
    is written to it, which T5 sets off (and takes the space at the text's end away). T5 has these two by heart.
    Behind a pronoun that ends its text T5 writes a space.
    """
    words = tf.strings.split(example["text"], sep=" ")
    pronoun, position = example["span2_text"], example["span2_index"]
    inside = (position >= 0) & (position < tf.size(words, position.dtype))
    wrong = tf.debugging.Assert(inside, ["wsc_simple: no", pronoun, "at word", position, "of", example["text"]])
    with tf.control_dependencies([wrong]):
        position = tf.identity(position)
    following = tf.concat([words[1:], [""]], axis=0)
    position = tf.where((words[position] != pronoun) & (following[position] == pronoun), position + 1, position)
    word, size = words[position], tf.strings.length(pronoun)
    rest = tf.strings.substr(word, tf.minimum(size, tf.strings.length(word)), tf.strings.length(word))
    alone = rest == ""
    there = (tf.strings.substr(word, 0, size) == pronoun) & tf.strings.regex_full_match(rest, "([[:punct:]].*)?")
    wrong = tf.debugging.Assert(there, ["wsc_simple: no", pronoun, "at word", position, "of", example["text"]])
    with tf.control_dependencies([wrong]):
        marked = tf.strings.join(["*", pronoun, "*", tf.where(alone, "", " "), rest])
    text = tf.strings.reduce_join(tf.concat([words[:position], [marked], words[position + 1 :]], axis=0), separator=" ")
    last = position == tf.size(words, position.dtype) - 1
    return tf.where(alone, tf.strings.join([text, tf.where(last, " ", "")]), tf.strings.strip(text))


@map_over_dataset
def wsc(example: Example) -> dict[str, Any]:
    """Asks whether a pronoun means a noun, the noun between asterisks and the pronoun between hashes.

    Before: `{"text": "Mitchell asked Tom if he could lend some money.", "span1_text": "Tom", "span1_index": 2,
    "span2_text": "he", "span2_index": 4, "label": 1, "idx": 7}`; after: `{"inputs": "wsc text: Mitchell asked * Tom *
    if # he # could lend some money.", "targets": "True", "idx": 7}`.

    No task uses it; T5 chose `wsc_simple`. A span that is not at its position stays unmarked, as in T5.

    Raises:
        tf.errors.InvalidArgumentError: while reading, when the label is not -1, 0 or 1.
    """
    text = _mark_span(example["text"], example["span1_text"], example["span1_index"], "*")
    moved = 2 * tf.cast(example["span1_index"] < example["span2_index"], example["span2_index"].dtype)
    text = _mark_span(text, example["span2_text"], example["span2_index"] + moved, "#")
    return {
        "inputs": tf.strings.join(["wsc text:", text], separator=" "),
        "targets": label_word("wsc", example["label"], ["False", "True"]),
        "idx": example["idx"],
    }


def _mark_span(text: Any, span: Any, index: Any, sign: str) -> Any:
    """Puts `sign` around a span that begins at word `index`."""
    words_before = tf.strings.join([r"^((?:\S+\s){", tf.strings.as_string(index), "})"])
    pattern = tf.strings.join([words_before, "(", _literally(span), ")"])
    return tf.strings.regex_replace(text, pattern, rf"\1{sign} \2 {sign}")


_PRONOUNS = ("he", "she", "they", "it", "her", "his", "their", "them", "him")
_ARTICLES = ("a", "an", "the")
_END = ".,?!"


@map_over_dataset
def wnli_simple(example: Example, label: str = "wsc:") -> dict[str, Any]:
    """Asks for the noun that a pronoun of the premise means; the target is what the hypothesis has in its place.

    Before: `{"sentence1": "The fish ate the worm. It was tasty.", "sentence2": "The worm was tasty.", "label": 1,
    "idx": 3}`; after: `{"inputs": "wsc: The fish ate the worm. *It* was tasty.", "targets": "The worm", "premise":
    "The fish ate the worm. It was tasty.", "hypothesis": "The worm was tasty.", "label": 1, "idx": 3}`.

    It is for evaluation: T5's authors checked what it makes of the validation and test splits only.

    Args:
        example: an example of GLUE's WNLI.
        label: the first word of the inputs.

    Raises:
        tf.errors.InvalidArgumentError: while reading, when the premise has no pronoun or the hypothesis no noun for it.
    """

    def convert(premise: bytes, hypothesis: bytes) -> tuple[bytes, bytes]:
        marked, noun = pronoun_and_noun(premise.decode("utf-8"), hypothesis.decode("utf-8"))
        return f"{label} {marked}".encode(), noun.encode()

    texts = [example["sentence1"], example["sentence2"]]
    inputs, targets = tf.numpy_function(convert, texts, [tf.string, tf.string], stateful=False)
    return {
        "inputs": tf.ensure_shape(inputs, []),
        "targets": tf.ensure_shape(targets, []),
        "premise": example["sentence1"],
        "hypothesis": example["sentence2"],
        "label": example.get("label", 0),
        "idx": example["idx"],
    }


class _Match(NamedTuple):
    """A pronoun of the premise: its position, how many words around it the hypothesis has too, and what it may mean."""

    shared: int
    position: int
    noun: str


def pronoun_and_noun(premise: str, hypothesis: str) -> tuple[str, str]:
    """Returns the premise with its pronoun between asterisks, and the noun of the hypothesis.

    The pronoun is the one whose neighbours the hypothesis shares most.

    Raises:
        ValueError: when there is no pronoun, or no noun is found.
    """
    words, others = _plain_words(premise), _plain_words(hypothesis)
    matches = [_match(words, position, others) for position, word in enumerate(words) if word in _PRONOUNS]
    if not matches:
        raise ValueError(f"wnli_simple: the premise {premise!r} has no pronoun among {', '.join(_PRONOUNS)}")
    best = max(matches, key=lambda match: match.shared)
    return _mark(premise, best.position), _as_written(best.noun, hypothesis)


def _plain_words(text: str) -> list[str]:
    """Returns words in lower case, each without one sign of punctuation at its end."""
    words = (re.sub(f"[{_END}]$", "", word) for word in text.strip().lower().split(" "))
    return [word for word in words if word]


def _match(words: Sequence[str], position: int, others: Sequence[str]) -> _Match:
    before, after = words[:position], words[position + 1 :]
    left = _shared(before[::-1], others[::-1])
    right = _shared(after, others)
    if not left + right:
        return _Match(0, position, "")
    near, behind = before[len(before) - left :], after[:right]
    noun = ""
    # Between the neighbours; else from the start of the hypothesis, or up to its end.
    for parts in ([*near, "(.+)", *behind], ["^(.+)", *behind], [*near, "(.+)$"]):
        found = re.search(" ".join(parts), " ".join(others))
        if found:
            noun = found.group(1)
            break
    return _Match(left + right, position, noun)


def _shared(words: Sequence[str], others: Sequence[str]) -> int:
    """Counts the first words that stand in `others` in a row; the last may be a part of a longer word."""
    text = " ".join(others)
    count = 0
    while count < len(words) and " ".join(words[: count + 1]) in text:
        count += 1
    return count


def _mark(premise: str, position: int) -> str:
    words = premise.split(" ")
    word = words[position]
    words[position] = f"*{word[:-1]}* {word[-1]}" if word[-1] in _END else f"*{word}*"
    return " ".join(words)


def _as_written(noun: str, hypothesis: str) -> str:
    """Returns the noun from its last article on, in the letters of the hypothesis, without a possessive "'s"."""
    words = noun.split(" ")
    words = words[max((words.index(article) for article in _ARTICLES if article in words), default=0) :]
    pattern = " ".join(f"{re.escape(word)}[{_END}]?" for word in words)
    found = re.search(pattern, hypothesis, re.IGNORECASE)
    if not found:
        raise ValueError(f"wnli_simple: {noun!r} is not found in the hypothesis {hypothesis!r}")
    text = found.group()
    if text and text[-1] in _END:
        text = text[:-1]
    return text.removesuffix("'") if text.endswith("'") else text.removesuffix("'s")
