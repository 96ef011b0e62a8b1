"""Pairs of sentences that follow each other, or do not."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from t5mix.lazy import lazy_import
from t5mix.mapping import draws_seeds, each_example, map_over_dataset, take_map_seeds
from t5mix.preprocessors import arguments

if TYPE_CHECKING:
    import tensorflow as tf
else:
    tf = lazy_import("tensorflow")

Example = Mapping[str, Any]


@each_example
def neighboring_pairs(
    dataset: "tf.data.Dataset", text_key: str = "text", reuse_sentences: bool = True
) -> "tf.data.Dataset":
    r"""Makes pairs of sentences that follow each other in a line; other features are not kept.

    Before: `{"text": "It rains. We wait! Why?\nAlone."}`; after: `{"first": "It rains.", "second": "We wait!"}` and
    `{"first": "We wait!", "second": "Why?"}`.

    A sentence ends with full stops, exclamation and question marks, or with its line.  A line of one sentence makes no
    pair.

    Args:
      dataset: examples of text.
      text_key: the text.
      reuse_sentences: whether a sentence may be the second of one pair and the first of the next.
    """

    def lines(example: Example) -> Any:
        arguments.require("neighboring_pairs", example, text_key)
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

    Pairs of neighbours are shuffled and taken two by two, which either stay or exchange their second sentences.  Of an
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
