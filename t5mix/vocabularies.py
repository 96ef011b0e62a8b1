"""Vocabularies: text into ids and back, in Python and in TensorFlow.

Ids 0, 1 and 2 are padding, end of sequence and unknown in every vocabulary that T5 uses.  The
names, arguments and defaults are seqio's.
"""

import abc
import functools
import hashlib
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from t5mix import fingerprints
from t5mix.lazy import lazy_import

if TYPE_CHECKING:
    import tensorflow as tf
else:
    tf = lazy_import("tensorflow")

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


class SentencePieceVocabulary(Vocabulary):
    """The pieces of a SentencePiece model (Kudo and Richardson, 2018, arXiv:1808.06226).

    Train the model with --pad_id=0 --eos_id=1 --unk_id=2 --bos_id=-1.  The extra ids are the pieces
    `<extra_id_0>`, `<extra_id_1>`, ...; `<extra_id_0>` has the highest id, as span corruption
    expects.  The file is read when first needed, so that a declaration costs nothing.

    Args:
      sentencepiece_model_file: path of the model.
      extra_ids: how many pieces to add at the end.
      normalizer_spec_overrides: a `sentencepiece_model_pb2.NormalizerSpec` that is merged into the
        model's normalizer and denormalizer.
      reverse_extra_ids: number the extra pieces from the end of the vocabulary.
    """

    def __init__(
        self,
        sentencepiece_model_file: str | os.PathLike[str],
        extra_ids: int = 0,
        normalizer_spec_overrides: Any = None,
        reverse_extra_ids: bool = True,
    ) -> None:
        super().__init__(extra_ids)
        self._file = os.fspath(sentencepiece_model_file)
        self._overrides: bytes | None = None
        if normalizer_spec_overrides is not None:
            self._overrides = normalizer_spec_overrides.SerializeToString(deterministic=True)
        self._reverse_extra_ids = reverse_extra_ids

    @property
    def sentencepiece_model_file(self) -> str:
        """The path of the model."""
        return self._file

    @property
    def fingerprint(self) -> str:
        """The sha256, as hex, of the model's bytes and the arguments; the path is no part of it."""
        arguments = (self.extra_ids, self._overrides, self._reverse_extra_ids)
        return fingerprints.digest("SentencePiece", self._content(), arguments)

    @property
    def sp_model(self) -> bytes:
        """The serialized model, with the extra pieces."""
        return self._model()[0]

    @property
    def tokenizer(self) -> Any:
        """The `sentencepiece.SentencePieceProcessor`."""
        return self._model()[1]

    @property
    def tf_tokenizer(self) -> Any:
        """The `tensorflow_text.SentencepieceTokenizer`."""
        import tensorflow_text

        return tensorflow_text.SentencepieceTokenizer(model=self.sp_model)

    @property
    def bos_id(self) -> int | None:
        """The id that begins a sequence, or None."""
        return _id_or_none(self.tokenizer.bos_id())

    @property
    def eos_id(self) -> int | None:
        """The id that ends a sequence, or None when the model has none."""
        return _id_or_none(self.tokenizer.eos_id())

    @property
    def unk_id(self) -> int | None:
        """The id of what the pieces cannot express."""
        return _id_or_none(self.tokenizer.unk_id())

    @property
    def vocab_size(self) -> int:
        """Number of pieces, with the extra ones."""
        return self._base_vocab_size

    @property
    def _base_vocab_size(self) -> int:
        return self.tokenizer.get_piece_size()

    def _content(self) -> str:
        try:
            return fingerprints.of_file(self._file)
        except OSError as error:
            raise ValueError(
                f"SentencePieceVocabulary: cannot read {self._file!r} ({error.strerror}); give the "
                "path of a SentencePiece model"
            ) from error

    def _model(self) -> tuple[bytes, Any]:
        arguments = (self.extra_ids, self._overrides, self._reverse_extra_ids)
        return _load_sentencepiece(self._file, self._content(), *arguments)

    def _encode(self, s: str | bytes) -> list[int]:
        return self.tokenizer.encode(s)

    def _decode(self, ids: list[int]) -> str:
        return self.tokenizer.decode(ids)

    def _encode_tf(self, s: "tf.Tensor") -> "tf.Tensor":
        return self.tf_tokenizer.tokenize(s)

    def _decode_tf(self, ids: "tf.Tensor") -> "tf.Tensor":
        return self.tf_tokenizer.detokenize(ids)

    def _identity(self) -> tuple[Any, ...]:
        return (self._file, self.extra_ids, self._overrides, self._reverse_extra_ids)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SentencePieceVocabulary) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __repr__(self) -> str:
        return f"SentencePieceVocabulary({self._file!r}, extra_ids={self.extra_ids})"


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


class PassThroughVocabulary(Vocabulary):
    """For features that are ids already: encoding and decoding change nothing.

    Args:
      size: number of ids.
      eos_id: the id that ends a sequence, or None.
    """

    def __init__(self, size: int, eos_id: int | None = None) -> None:
        super().__init__()
        if isinstance(size, bool) or not isinstance(size, int) or size < 0:
            raise ValueError(f"PassThroughVocabulary: size is {size!r}; give 0 or a positive count")
        self._size = size
        self._eos_id = eos_id

    @property
    def size(self) -> int:
        """Number of ids."""
        return self._size

    @property
    def eos_id(self) -> int | None:
        """The id that ends a sequence, or None."""
        return self._eos_id

    @property
    def unk_id(self) -> None:
        """None: nothing is unknown."""
        return None

    @property
    def fingerprint(self) -> str:
        """The sha256, as hex, of the arguments."""
        return fingerprints.digest("pass-through", self._size, self._eos_id)

    @property
    def _base_vocab_size(self) -> int:
        return self._size

    def decode(self, ids: Iterable[int]) -> Any:
        """Returns `ids`, as a list, up to and with the first EOS."""
        numbers = ids.numpy().tolist() if hasattr(ids, "numpy") else list(ids)
        if self.eos_id is not None and self.eos_id in numbers:
            numbers = numbers[: numbers.index(self.eos_id) + 1]
        return numbers

    def _encode(self, s: Sequence[int]) -> list[int]:
        return s  # type: ignore[return-value]

    def _decode(self, ids: list[int]) -> Any:
        return ids

    def _encode_tf(self, s: "tf.Tensor") -> "tf.Tensor":
        return s

    def _decode_tf(self, ids: "tf.Tensor") -> "tf.Tensor":
        return ids

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PassThroughVocabulary) and (self._size, self._eos_id) == (
            other._size,
            other._eos_id,
        )

    def __hash__(self) -> int:
        return hash(("pass-through", self._size, self._eos_id))

    def __repr__(self) -> str:
        return f"PassThroughVocabulary(size={self._size}, eos_id={self._eos_id})"


def _id_or_none(number: int) -> int | None:
    return None if number < 0 else number


@functools.lru_cache(maxsize=64)
def _load_sentencepiece(
    path: str, content: str, extra_ids: int, overrides: bytes | None, reverse: bool
) -> tuple[bytes, Any]:
    """Returns the serialized model with its extra pieces, and its processor.

    `content` is the hash of the file, so a file that changes is read again.
    """
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2

    with open(path, "rb") as file:
        data = file.read()
    if hashlib.sha256(data).hexdigest() != content:
        raise ValueError(f"{path} changed while it was being read; try again")
    try:
        model = sentencepiece_model_pb2.ModelProto.FromString(data)
    except Exception as error:  # protobuf's DecodeError, whose home differs between versions
        raise ValueError(f"{path} is no SentencePiece model: {error}") from error
    _add_extra_pieces(model, extra_ids, reverse, sentencepiece_model_pb2)
    if overrides is not None:
        spec = sentencepiece_model_pb2.NormalizerSpec.FromString(overrides)
        model.normalizer_spec.MergeFrom(spec)
        model.denormalizer_spec.MergeFrom(spec)
    serialized = model.SerializeToString(deterministic=True)
    processor = sentencepiece.SentencePieceProcessor()
    processor.LoadFromSerializedProto(serialized)
    if processor.pad_id() != PAD_ID:
        raise ValueError(
            f"{path}: pad_id is {processor.pad_id()}, and padding must be {PAD_ID}; train the "
            "model with --pad_id=0 --eos_id=1 --unk_id=2 --bos_id=-1"
        )
    return serialized, processor


def _add_extra_pieces(model: Any, extra_ids: int, reverse: bool, pb2: Any) -> None:
    numbers = range(extra_ids)
    for number in reversed(numbers) if reverse else numbers:
        model.pieces.add(
            piece=f"▁<extra_id_{number}>",
            score=0.0,
            type=pb2.ModelProto.SentencePiece.USER_DEFINED,
        )
