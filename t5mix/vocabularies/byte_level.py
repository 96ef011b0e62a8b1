"""The vocabulary of UTF-8 bytes."""

from t5mix.internal.code import fingerprints
from t5mix.internal.lazy import tensorflow as tf
from t5mix.vocabularies.base import Vocabulary


class ByteVocabulary(Vocabulary):
    """UTF-8 bytes: byte b has id b + 3 (ByT5, Xue et al., 2021, arXiv:2105.13626).

    Decoding drops special and extra ids and bytes that are no UTF-8.

    Args:
        extra_ids: how many ids to add after the 259.
    """

    _SPECIAL = 3
    _BYTES = 256

    @property
    def eos_id(self) -> int:
        """The id that ends a sequence: 1."""
        return 1

    @property
    def unk_id(self) -> int:
        """The id of the unknown, 2; no text encodes to it."""
        return 2

    @property
    def fingerprint(self) -> str:
        """The sha256, as hex, of the name of the scheme and the number of extra ids."""
        return fingerprints.digest("bytes", self.extra_ids)

    @property
    def _base_vocab_size(self) -> int:
        return self._SPECIAL + self._BYTES

    def _encode(self, s: str | bytes) -> list[int]:
        text = s if isinstance(s, bytes) else s.encode("utf-8")
        return [byte + self._SPECIAL for byte in text]

    def _decode(self, ids: list[int]) -> str:
        held = [i - self._SPECIAL for i in ids if self._SPECIAL <= i < self._base_vocab_size]
        return bytes(held).decode("utf-8", errors="ignore")

    def _encode_tf(self, s: "tf.Tensor") -> "tf.Tensor":
        s = tf.convert_to_tensor(s)
        if s.shape.rank == 0:
            return self._ids(tf.io.decode_raw(s, tf.uint8))
        single = tf.strings.bytes_split(s)  # ragged, one byte a string
        return tf.ragged.map_flat_values(lambda b: self._ids(tf.reshape(tf.io.decode_raw(b, tf.uint8), [-1])), single)

    def _ids(self, values: "tf.Tensor") -> "tf.Tensor":
        return tf.cast(values, tf.int32) + self._SPECIAL

    def _decode_tf(self, ids: "tf.Tensor") -> "tf.Tensor":
        held = tf.logical_and(ids >= self._SPECIAL, ids < self._base_vocab_size)
        # One string a byte; what is no byte becomes the empty string, and the rest joins up.
        strings = tf.constant([bytes([byte]) for byte in range(self._BYTES)])
        byte = tf.gather(strings, tf.where(held, ids - self._SPECIAL, 0))
        text = tf.strings.reduce_join(tf.where(held, byte, b""), axis=-1)
        return tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="ignore")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ByteVocabulary) and self.extra_ids == other.extra_ids

    def __hash__(self) -> int:
        return hash(("bytes", self.extra_ids))

    def __repr__(self) -> str:
        return f"ByteVocabulary(extra_ids={self.extra_ids})"
