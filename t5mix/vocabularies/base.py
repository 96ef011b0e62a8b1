"""What every vocabulary does."""

import abc
from collections.abc import Iterable
from typing import Any

from t5mix.internal.code import fingerprints
from t5mix.internal.lazy import tensorflow as tf

PAD_ID = 0


class Vocabulary(abc.ABC):
    """Base of the vocabularies; a user's own derives from it and defines the abstract parts.

    Args:
        extra_ids: how many ids to add at the end, the sentinels of span corruption.
    """

    def __init__(self, extra_ids: int = 0) -> None:
        if isinstance(extra_ids, bool) or not isinstance(extra_ids, int) or extra_ids < 0:
            raise ValueError(f"{type(self).__name__}: extra_ids is {extra_ids!r}; give 0 or a positive count")
        self._extra_ids = extra_ids

    @property
    def pad_id(self) -> int:
        """The id that fills sequences up: 0."""
        return PAD_ID

    @property
    def bos_id(self) -> int | None:
        """The id that begins a sequence; None, T5 has none."""
        return None

    @property
    @abc.abstractmethod
    def eos_id(self) -> int | None:
        """The id that ends a sequence, or None."""

    @property
    @abc.abstractmethod
    def unk_id(self) -> int | None:
        """The id of what the vocabulary cannot express, or None."""

    @property
    def extra_ids(self) -> int:
        """How many ids were added at the end."""
        return self._extra_ids

    @property
    def num_sentinels(self) -> int:
        """How many of the highest ids may stand for spans of text: the extra ids.

        Sentinels are taken from the highest id down. A vocabulary whose own last ids are sentinels counts them, too.
        """
        return self.extra_ids

    @property
    def vocab_size(self) -> int:
        """Number of ids, with the extra ones."""
        return self._base_vocab_size + self.extra_ids

    @property
    @abc.abstractmethod
    def _base_vocab_size(self) -> int:
        """Number of ids that `_decode` knows."""

    @property
    def fingerprint(self) -> str:
        """The sha256, as hex, of what decides the ids: the model's bytes and the arguments."""
        return fingerprints.digest(type(self), vars(self))

    def encode(self, s: Any) -> list[int]:
        """Returns the ids of a text, without EOS."""
        return self._encode(s)

    def decode(self, ids: Iterable[int]) -> str:
        """Returns the text of `ids` up to the first EOS; ids past the vocabulary are unknown."""
        numbers = ids.numpy().tolist() if hasattr(ids, "numpy") else [int(i) for i in ids]
        if self.unk_id is not None:
            size = self._base_vocab_size
            numbers = [self.unk_id if i >= size else i for i in numbers]
        if self.eos_id is not None and self.eos_id in numbers:
            numbers = numbers[: numbers.index(self.eos_id) + 1]
        return self._decode(numbers)

    def encode_tf(self, s: "tf.Tensor") -> "tf.Tensor":
        """Returns the ids, int32 [length], of a string scalar; of a vector of texts ragged ids."""
        return self._encode_tf(s)

    def decode_tf(self, ids: "tf.Tensor") -> "tf.Tensor":
        """Returns the text, a string [...], of int32 ids [..., length] up to the first EOS."""
        if ids.shape == (0,):
            return tf.constant(b"", dtype=tf.string)
        if self.unk_id is not None:
            unknown = tf.cast(self.unk_id, ids.dtype)
            ids = tf.where(ids < self._base_vocab_size, ids, unknown)
        if self.eos_id is not None:
            ended = tf.cumsum(tf.cast(ids == self.eos_id, tf.int32), axis=-1, exclusive=True)
            ids = tf.where(ended > 0, tf.cast(self.pad_id, ids.dtype), ids)
        return self._decode_tf(ids)

    @abc.abstractmethod
    def _encode(self, s: Any) -> list[int]: ...

    @abc.abstractmethod
    def _decode(self, ids: list[int]) -> str: ...

    @abc.abstractmethod
    def _encode_tf(self, s: "tf.Tensor") -> "tf.Tensor": ...

    @abc.abstractmethod
    def _decode_tf(self, ids: "tf.Tensor") -> "tf.Tensor": ...
