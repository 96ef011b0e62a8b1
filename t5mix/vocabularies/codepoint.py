"""Vocabularies of Unicode codepoints, one id a character."""

import operator
import os
from collections.abc import Sequence
from typing import Any

from t5mix.internal.code import fingerprints
from t5mix.internal.lazy import tensorflow as tf
from t5mix.vocabularies.base import Vocabulary

_GREATEST = 0x10FFFF


class FullCodepointVocabulary(Vocabulary):
    """Every codepoint is its own id (as in CANINE, Clark et al., 2022, arXiv:2103.06874).

    Padding is the character of codepoint 0, EOS one of Unicode's private use, which no text should hold.

    Args:
        extra_ids: how many ids to add at the end.
    """

    LARGEST_CODEPOINT = _GREATEST
    PAD_CODEPOINT = 0
    EOS_CODEPOINT = 0xE005

    @property
    def eos_id(self) -> int:
        """The id that ends a sequence: 0xE005."""
        return self.EOS_CODEPOINT

    @property
    def unk_id(self) -> None:
        """None: every character has an id."""
        return None

    @property
    def fingerprint(self) -> str:
        """The sha256, as hex, of the name of the scheme and the number of extra ids."""
        return fingerprints.digest("codepoints", self.extra_ids)

    @property
    def _base_vocab_size(self) -> int:
        return self.LARGEST_CODEPOINT

    def _encode(self, s: str) -> list[int]:
        return [ord(character) for character in s]

    def _decode(self, ids: list[int]) -> str:
        return "".join(chr(i) for i in ids if i != self.EOS_CODEPOINT)

    def _encode_tf(self, s: "tf.Tensor") -> "tf.Tensor":
        return tf.strings.unicode_decode(s, input_encoding="UTF-8")

    def _decode_tf(self, ids: "tf.Tensor") -> "tf.Tensor":
        return tf.strings.unicode_encode(ids, output_encoding="UTF-8")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FullCodepointVocabulary) and self.extra_ids == other.extra_ids

    def __hash__(self) -> int:
        return hash(("codepoints", self.extra_ids))

    def __repr__(self) -> str:
        return f"FullCodepointVocabulary(extra_ids={self.extra_ids})"


class PartialCodepointVocabulary(Vocabulary):
    """Some codepoints: ids 0, 1 and 2 are padding, EOS and unknown, and the listed ones follow.

    Args:
        codepoints: numbers of characters, as `ord` gives them, in the order of their ids; one that is named again keeps
            its first id.
        extra_ids: how many ids to add at the end.

    Raises:
        ValueError: for a number that is no codepoint.
    """

    PAD_CODEPOINT = FullCodepointVocabulary.PAD_CODEPOINT
    EOS_CODEPOINT = FullCodepointVocabulary.EOS_CODEPOINT
    UNK_CODEPOINT = 0xE004
    PAD_ID = 0
    EOS_ID = 1
    UNK_ID = 2

    def __init__(self, codepoints: Sequence[int], extra_ids: int = 0) -> None:
        super().__init__(extra_ids)
        special = (self.PAD_CODEPOINT, self.EOS_CODEPOINT, self.UNK_CODEPOINT)
        numbers = [_codepoint(number) for number in codepoints]
        self._codepoints = tuple(dict.fromkeys((*special, *numbers)))
        self._ids = {codepoint: number for number, codepoint in enumerate(self._codepoints)}

    @classmethod
    def create_from_file(cls, vocab_file: str | os.PathLike[str], extra_ids: int = 0) -> "PartialCodepointVocabulary":
        """Returns the vocabulary of a file with one codepoint a line, as a decimal number.

        Raises:
            ValueError: naming the file and the line that is no codepoint.
        """
        numbers = []
        with tf.io.gfile.GFile(os.fspath(vocab_file), "r") as file:
            for line_number, line in enumerate(file, 1):
                try:
                    numbers.append(_codepoint(int(line)))
                except ValueError as error:
                    raise ValueError(
                        f"{vocab_file}:{line_number}: {line.strip()!r} is no codepoint: {error}"
                    ) from error
        return cls(numbers, extra_ids)

    @property
    def eos_id(self) -> int:
        """The id that ends a sequence: 1."""
        return self.EOS_ID

    @property
    def unk_id(self) -> int:
        """The id of characters that are not listed: 2."""
        return self.UNK_ID

    @property
    def fingerprint(self) -> str:
        """The sha256, as hex, of the codepoints and the number of extra ids."""
        return fingerprints.digest("some codepoints", self._codepoints, self.extra_ids)

    @property
    def _base_vocab_size(self) -> int:
        return len(self._codepoints)

    def _encode(self, s: str) -> list[int]:
        return [self._ids.get(ord(character), self.UNK_ID) for character in s]

    def _decode(self, ids: list[int]) -> str:
        codepoints = [self._codepoints[i] for i in ids]
        return "".join(chr(codepoint) for codepoint in codepoints if codepoint != self.EOS_CODEPOINT)

    def _encode_tf(self, s: "tf.Tensor") -> "tf.Tensor":
        codepoints = tf.strings.unicode_decode(s, input_encoding="UTF-8")
        if isinstance(codepoints, tf.RaggedTensor):
            return tf.ragged.map_flat_values(self._ids_of, codepoints)
        return self._ids_of(codepoints)

    def _ids_of(self, codepoints: "tf.Tensor") -> "tf.Tensor":
        """Looks codepoints up in the sorted list: no table, so that any graph can hold it."""
        import numpy as np

        order = np.argsort(self._codepoints).astype(np.int32)
        ascending = tf.constant(np.asarray(self._codepoints, np.int32)[order])
        indices = tf.minimum(tf.searchsorted(ascending, codepoints), len(self._codepoints) - 1)
        return tf.where(tf.gather(ascending, indices) == codepoints, tf.gather(order, indices), self.UNK_ID)

    def _decode_tf(self, ids: "tf.Tensor") -> "tf.Tensor":
        codepoints = tf.gather(tf.constant(self._codepoints, tf.int32), ids)
        return tf.strings.unicode_encode(codepoints, output_encoding="UTF-8")

    def _identity(self) -> tuple[Any, ...]:
        return (self._codepoints, self.extra_ids)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PartialCodepointVocabulary) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __repr__(self) -> str:
        return f"PartialCodepointVocabulary({len(self._codepoints)} codepoints, extra_ids={self.extra_ids})"


def _codepoint(number: Any) -> int:
    value = operator.index(number)
    if not 0 <= value <= _GREATEST:
        raise ValueError(f"{value} is no codepoint; they are 0 to {_GREATEST}, as ord() gives them")
    return value
