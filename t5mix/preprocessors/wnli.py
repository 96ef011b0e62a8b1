"""WNLI recast as WSC: which noun of the hypothesis stands where the premise has a pronoun."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from t5mix.lazy import lazy_import
from t5mix.mapping import map_over_dataset

if TYPE_CHECKING:
    import tensorflow as tf
else:
    tf = lazy_import("tensorflow")

Example = Mapping[str, Any]

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
    """A pronoun of the premise: its place, how many words around it the hypothesis has too, and what it may mean."""

    shared: int
    place: int
    noun: str


def pronoun_and_noun(premise: str, hypothesis: str) -> tuple[str, str]:
    """Returns the premise with its pronoun between asterisks, and the noun of the hypothesis.

    The pronoun is the one whose neighbours the hypothesis shares most.

    Raises:
      ValueError: when there is no pronoun, or no noun is found.
    """
    words, others = _plain_words(premise), _plain_words(hypothesis)
    matches = [_match(words, place, others) for place, word in enumerate(words) if word in _PRONOUNS]
    if not matches:
        raise ValueError(f"wnli_simple: the premise {premise!r} has no pronoun among {', '.join(_PRONOUNS)}")
    best = max(matches, key=lambda match: match.shared)
    return _mark(premise, best.place), _as_written(best.noun, hypothesis)


def _plain_words(text: str) -> list[str]:
    """Words in lower case, each without one sign of punctuation at its end."""
    words = (re.sub(f"[{_END}]$", "", word) for word in text.strip().lower().split(" "))
    return [word for word in words if word]


def _match(words: Sequence[str], place: int, others: Sequence[str]) -> _Match:
    before, after = words[:place], words[place + 1 :]
    left = _shared(before[::-1], others[::-1])
    right = _shared(after, others)
    if not left + right:
        return _Match(0, place, "")
    near, behind = before[len(before) - left :], after[:right]
    noun = ""
    # Between the neighbours; else from the start of the hypothesis, or up to its end.
    for parts in ([*near, "(.+)", *behind], ["^(.+)", *behind], [*near, "(.+)$"]):
        found = re.search(" ".join(parts), " ".join(others))
        if found:
            noun = found.group(1)
            break
    return _Match(left + right, place, noun)


def _shared(words: Sequence[str], others: Sequence[str]) -> int:
    """How many words, from the first, stand in `others` in a row; a last one may be a part of a longer word."""
    text = " ".join(others)
    count = 0
    while count < len(words) and " ".join(words[: count + 1]) in text:
        count += 1
    return count


def _mark(premise: str, place: int) -> str:
    words = premise.split(" ")
    word = words[place]
    words[place] = f"*{word[:-1]}* {word[-1]}" if word[-1] in _END else f"*{word}*"
    return " ".join(words)


def _as_written(noun: str, hypothesis: str) -> str:
    """The noun from its last article on, in the letters of the hypothesis, without a possessive ending."""
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
