"""Objectives on words, before tokenization: pairs of sentences, and blanks to fill in.

T5's authors tried them before the paper.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from t5mix.internal.lazy import tensorflow as tf
from t5mix.preprocessors import input_checks
from t5mix.preprocessors.mapping import draws_seeds, each_example, map_over_dataset, take_map_seeds
from t5mix.preprocessors.text import split_text_to_words

Example = Mapping[str, Any]


@each_example
def neighboring_pairs(
    dataset: "tf.data.Dataset", text_key: str = "text", reuse_sentences: bool = True
) -> "tf.data.Dataset":
    r"""Makes pairs of sentences that follow each other in a line; other features are not kept.

    Before: `{"text": "It rains. We wait! Why?\nAlone."}`; after: `{"first": "It rains.", "second": "We wait!"}` and
    `{"first": "We wait!", "second": "Why?"}`.

    A sentence ends with full stops, exclamation and question marks, or with its line. A line of one sentence makes no
    pair.

    Args:
        dataset: examples of text.
        text_key: the text.
        reuse_sentences: whether a sentence may be the second of one pair and the first of the next.
    """

    def lines(example: Example) -> Any:
        input_checks.require("neighboring_pairs", example, text_key)
        return tf.strings.split(example[text_key], sep="\n")

    def pairs(line: Any) -> dict[str, Any]:
        # A line has no line break, so one can divide its sentences.
        sentences = tf.strings.split(tf.strings.regex_replace(line, r"([.!?]+)", "\\1\n"), sep="\n")
        sentences = tf.strings.strip(sentences)
        step = 1 if reuse_sentences else 2
        return {"first": sentences[:-1:step], "second": sentences[1::step]}

    found = map_over_dataset(pairs)(map_over_dataset(lines)(dataset).unbatch()).unbatch()
    return found.filter(lambda pair: (pair["first"] != "") & (pair["second"] != ""))


@draws_seeds(1)
def next_sentence_prediction(
    dataset: "tf.data.Dataset",
    text_key: str = "text",
    reuse_sentences: bool = True,
    label_sentences: bool = False,
    p_neighbors: float = 0.5,
    label: str = "nsp: ",
    buffer_size: int = 50000,
) -> "tf.data.Dataset":
    """Asks whether one sentence follows another (Devlin et al., 2019, arXiv:1810.04805, section 3.1).

    Before: `{"text": "It rains. We wait."}` and `{"text": "Ann sang. Bo sat."}`; after, when neighbours are drawn:
    `{"inputs": "nsp: It rains. We wait.", "targets": "next"}` and `{"inputs": "nsp: Ann sang. Bo sat.", "targets":
    "next"}`; else `{"inputs": "nsp: It rains. Bo sat.", "targets": "not_next"}` and `{"inputs": "nsp: Ann sang. We
    wait.", "targets": "not_next"}`.

    Pairs of neighbours are shuffled and taken two by two, which either stay or exchange their second sentences. Of an
    odd number the last finds no partner and makes no example.

    Args:
        dataset: examples of text.
        text_key: the text.
        reuse_sentences: see `neighboring_pairs`.
        label_sentences: write "sentence1: " and "sentence2: " before them.
        p_neighbors: how likely two pairs stay.
        label: what the inputs begin with.
        buffer_size: how many pairs are shuffled.

    Raises:
        ValueError: when p_neighbors is not from 0 to 1.
    """
    if not 0 <= p_neighbors <= 1:
        raise ValueError(f"next_sentence_prediction: p_neighbors is {p_neighbors}; give a number from 0 to 1")
    names = ("sentence1: ", "sentence2: ") if label_sentences else ("", "")

    def ask(two: Example, seed: Any) -> dict[str, Any]:
        stay = tf.random.stateless_uniform([], seed) < p_neighbors
        seconds = tf.where(stay, two["second"], two["second"][::-1])
        inputs = tf.strings.join([label, names[0], two["first"], " ", names[1], seconds])
        return {"inputs": tf.strings.strip(inputs), "targets": tf.repeat(tf.where(stay, "next", "not_next"), 2)}

    pairs = neighboring_pairs(dataset, text_key, reuse_sentences)
    [seed] = take_map_seeds(1)
    pairs = pairs.shuffle(buffer_size, seed=seed)
    return map_over_dataset(ask, num_seeds=1)(pairs.batch(2, drop_remainder=True)).unbatch()


SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


@draws_seeds(3)
def fill_in_the_blank(dataset: "tf.data.Dataset", text_key: str = "text", label: str = "fill: ") -> "tf.data.Dataset":
    """Cuts a text at random into parts that go to inputs and targets by turns, an X in each other's place.

    Before: `{"text": "The fat cat sat on the mat."}`; after, when it is cut before "cat" and "the": `{"inputs": "fill:
    X cat sat on X", "targets": "The fat X the mat."}` and `{"inputs": "fill: The fat X the mat.", "targets": "X cat
    sat on X"}`.

    How likely a cut is, is drawn for each text, from about one cut a text to one every other word; there is one cut at
    least. A text of one word makes no example.

    Args:
        dataset: examples of text.
        text_key: the text.
        label: what the inputs begin with.
    """

    def cut(example: Example, seeds: Any) -> dict[str, Any]:
        words = example["words"]
        begins = _random_cuts(tf.size(words), seeds)
        part = tf.cumsum(tf.cast(begins, tf.int32)) % 2
        sides = []
        for side in (0, 1):
            mine = part == side
            side = tf.boolean_mask(tf.where(mine, words, "X"), mine | begins)
            sides.append(tf.strings.reduce_join(side, separator=" "))
        inputs = tf.strings.join([label, tf.stack(sides)])
        return {"inputs": inputs, "targets": tf.stack(sides[::-1])}

    return map_over_dataset(cut, num_seeds=3)(split_text_to_words(dataset, text_key)).unbatch()


def _random_cuts(count: Any, seeds: Any) -> Any:
    """Tells before which words a part begins, bool [count]: the first, and one other at least."""
    rarest = -tf.math.log(tf.cast(count, tf.float32) + 2.0)
    probability = tf.exp(tf.random.stateless_uniform([], seeds[0], minval=rarest, maxval=-tf.math.log(2.0)))
    cuts = tf.random.stateless_uniform([count - 1], seeds[1]) < probability

    def one() -> Any:
        split = tf.random.stateless_uniform([], seeds[2], minval=0, maxval=count - 1, dtype=tf.int32)
        return tf.range(count - 1) == split

    return tf.concat([[True], tf.cond(tf.reduce_any(cuts), lambda: cuts, one)], axis=0)


@draws_seeds(2)
def fill_in_the_blank_sized(
    dataset: "tf.data.Dataset",
    size_bins: Sequence[int] = SIZES,
    text_key: str = "text",
    label: str = "fill: ",
) -> "tf.data.Dataset":
    """Takes one run of words out of a text, and says in its place about how many.

    Before: `{"text": "The fat cat sat on the mat."}`; after, when three words are taken: `{"inputs": "fill: The fat
    _2_ the mat.", "targets": "cat sat on"}`.

    The number of words is uniform from the least to the greatest of size_bins, but leaves one word of the text where
    that is possible. The number written is the nearest of size_bins, of two as near the smaller. A text with fewer
    words than the least, or with one, makes no example. T5 never takes the greatest, and fails at a text that has
    just as many words as the least.

    Args:
        dataset: examples of text.
        size_bins: the numbers that may be written.
        text_key: the text.
        label: what the inputs begin with, but for white space before it.

    Raises:
        ValueError: when size_bins has no number, or one below 1.
    """
    sizes = sorted(size_bins)
    if not sizes or sizes[0] < 1:
        raise ValueError(f"fill_in_the_blank_sized: size_bins is {size_bins!r}; give numbers of 1 or more")

    def take(example: Example, seeds: Any) -> dict[str, Any]:
        words = example["words"]
        count = tf.size(words)
        beyond = tf.maximum(tf.minimum(count, sizes[-1] + 1), sizes[0] + 1)
        size = tf.random.stateless_uniform([], seeds[0], minval=sizes[0], maxval=beyond, dtype=tf.int32)
        shown = tf.gather(sizes, tf.argmin(tf.abs(tf.constant(sizes) - size)))
        start = tf.random.stateless_uniform([], seeds[1], minval=0, maxval=count - size + 1, dtype=tf.int32)
        blank = tf.strings.join(["_", tf.as_string(shown), "_"])
        inputs = tf.concat([words[:start], [blank], words[start + size :]], axis=0)
        return {
            "inputs": tf.strings.strip(tf.strings.join([label, tf.strings.reduce_join(inputs, separator=" ")])),
            "targets": tf.strings.reduce_join(words[start : start + size], separator=" "),
        }

    return map_over_dataset(take, num_seeds=2)(split_text_to_words(dataset, text_key, max(2, sizes[0])))
