"""The vocabulary of whole words."""

import functools
from collections.abc import Sequence
from typing import Any

from t5mix.internal.code import fingerprints
from t5mix.internal.lazy import tensorflow as tf
from t5mix.vocabularies.base import Vocabulary

_PAD, _UNK = "PAD", "UNK"


class UnigramVocabulary(Vocabulary):
    """A list of words: id 0 is padding, word i of the list has id i + 1, and the last id is the unknown word.

    Args:
        unigrams: the words, each once, without "PAD" and "UNK", which name the padding and the unknown.
        split_on_space: whether a text is words with one space between. If not, encoding takes a text as one word,
            `decode` joins words by spaces, and `decode_tf` gives the first word only, as in seqio.

    Raises:
        ValueError: for a word twice or a reserved one, which would have two ids.
    """

    def __init__(self, unigrams: Sequence[str], split_on_space: bool = False) -> None:
        super().__init__()
        if isinstance(unigrams, str):
            raise ValueError(f"UnigramVocabulary: unigrams is the text {unigrams!r}; give a list of words")
        self._words = (_PAD, *unigrams, _UNK)
        self._split_on_space = split_on_space
        self._ids = {word: number for number, word in enumerate(self._words)}
        if len(self._ids) < len(self._words):
            twice = sorted({word for word in self._words if self._words.count(word) > 1})
            raise ValueError(f"UnigramVocabulary: {twice} more than once; name each word once, and not PAD or UNK")

    @property
    def eos_id(self) -> None:
        """None: nothing ends a sequence."""
        return None

    @property
    def unk_id(self) -> int:
        """The id of every word that is not on the list: the last one."""
        return len(self._words) - 1

    @property
    def fingerprint(self) -> str:
        """The sha256, as hex, of the words and the argument."""
        return fingerprints.digest("unigrams", self._words, self._split_on_space)

    @property
    def _base_vocab_size(self) -> int:
        return len(self._words)

    def _pieces(self, s: str) -> list[str]:
        return s.split(" ") if self._split_on_space else [s]

    def _encode(self, s: str) -> list[int]:
        return [self._ids.get(word, self.unk_id) for word in self._pieces(s)]

    def _decode(self, ids: list[int]) -> str:
        return " ".join(self._words[i] for i in ids)

    @functools.cached_property
    def _table(self) -> Any:
        """Ids by word. Made outside of any graph, so that every graph may use the same."""
        with tf.init_scope():
            known = list(self._words[:-1])
            initializer = tf.lookup.KeyValueTensorInitializer(
                tf.constant(known), tf.range(len(known), dtype=tf.int64), tf.string, tf.int64
            )
            return tf.lookup.StaticHashTable(initializer, default_value=self.unk_id)

    def _encode_tf(self, s: "tf.Tensor") -> "tf.Tensor":
        pieces = tf.strings.split(s, " ") if self._split_on_space else tf.expand_dims(s, -1)
        return tf.cast(self._table.lookup(pieces), tf.int32)

    def _decode_tf(self, ids: "tf.Tensor") -> "tf.Tensor":
        words = tf.gather(tf.constant(self._words), ids)
        return tf.strings.reduce_join(words, axis=-1, separator=" ") if self._split_on_space else words[..., 0]

    def _identity(self) -> tuple[Any, ...]:
        return (self._words, self._split_on_space)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UnigramVocabulary) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __repr__(self) -> str:
        return f"UnigramVocabulary({len(self._words) - 2} words, split_on_space={self._split_on_space})"
