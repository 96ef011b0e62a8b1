"""Vocabularies of SentencePiece models, T5's own among them."""

import functools
import hashlib
import os
import re
from typing import TYPE_CHECKING, Any

from t5mix.internal.code import fingerprints
from t5mix.vocabularies.base import PAD_ID, Vocabulary

if TYPE_CHECKING:
    import tensorflow as tf

# A sentinel's piece, with its number.
SENTINEL = re.compile("▁?<extra_id_([0-9]+)>")


class SentencePieceVocabulary(Vocabulary):
    """The pieces of a SentencePiece model (Kudo and Richardson, 2018, arXiv:1808.06226).

    Train the model with --pad_id=0 --eos_id=1 --unk_id=2 --bos_id=-1. The extra ids are the pieces
    `<extra_id_0>`, `<extra_id_1>`, ...; `<extra_id_0>` has the highest id, as span corruption
    expects. The file is read when first needed, so that a declaration costs nothing.

    Args:
        sentencepiece_model_file: path of the model.
        extra_ids: how many pieces to add at the end.
        normalizer_spec_overrides: a `sentencepiece_model_pb2.NormalizerSpec` that is merged into the
            model's normalizer and denormalizer.
        reverse_extra_ids: number the extra pieces from the end of the vocabulary.
        use_fast_tokenizer: let `encode_tf` and `decode_tf` use tensorflow_text's faster reimplementation.
    """

    def __init__(
        self,
        sentencepiece_model_file: str | os.PathLike[str],
        extra_ids: int = 0,
        normalizer_spec_overrides: Any = None,
        reverse_extra_ids: bool = True,
        use_fast_tokenizer: bool = False,
    ) -> None:
        super().__init__(extra_ids)
        self._file = os.fspath(sentencepiece_model_file)
        self._overrides: bytes | None = None
        if normalizer_spec_overrides is not None:
            self._overrides = normalizer_spec_overrides.SerializeToString(deterministic=True)
        self._reverse_extra_ids = reverse_extra_ids
        self._use_fast_tokenizer = use_fast_tokenizer

    @property
    def sentencepiece_model_file(self) -> str:
        """The path of the model."""
        return self._file

    @property
    def uses_fast_tokenizer(self) -> bool:
        """Whether `encode_tf` and `decode_tf` use tensorflow_text's faster reimplementation."""
        return self._use_fast_tokenizer

    @property
    def fingerprint(self) -> str:
        """The sha256, as hex, of the model's bytes and the arguments; the path is no part of it."""
        arguments: tuple[Any, ...] = (self.extra_ids, self._overrides, self._reverse_extra_ids)
        if self._use_fast_tokenizer:  # another program, so perhaps other ids
            arguments = (*arguments, "fast")
        return fingerprints.digest("SentencePiece", self._content(), arguments)

    def load_model(self) -> None:
        """Reads the model now, instead of when an id is first needed."""
        self._model()

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
        """The `tensorflow_text.SentencepieceTokenizer`, or the fast one."""
        import tensorflow_text

        if self._use_fast_tokenizer:
            return tensorflow_text.FastSentencepieceTokenizer(model=self.sp_model)
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
    def num_sentinels(self) -> int:
        """How many of the last pieces stand for spans of text: the extra ids, and those that the model holds itself.

        T5's and mT5's files named `...100extra` hold `<extra_id_99>` to `<extra_id_0>`, and need no extra_ids.
        """
        return self._model()[2]

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

    def _model(self) -> tuple[bytes, Any, int]:
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
        return (self._file, self.extra_ids, self._overrides, self._reverse_extra_ids, self._use_fast_tokenizer)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SentencePieceVocabulary) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __repr__(self) -> str:
        return f"SentencePieceVocabulary({self._file!r}, extra_ids={self.extra_ids})"


def _id_or_none(number: int) -> int | None:
    return None if number < 0 else number


@functools.lru_cache(maxsize=64)
def _load_sentencepiece(
    path: str, content: str, extra_ids: int, overrides: bytes | None, reverse: bool
) -> tuple[bytes, Any, int]:
    """Returns the serialized model with its extra pieces, its processor, and how many of its last pieces are sentinels.

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
    return serialized, processor, _count_sentinels(model, sentencepiece_model_pb2)


def _count_sentinels(model: Any, pb2: Any) -> int:
    """Returns how many pieces at the end no text is made of: named so, or of a type that training does not give."""
    types = pb2.ModelProto.SentencePiece
    count = 0
    for piece in reversed(model.pieces):
        if not SENTINEL.fullmatch(piece.piece) and piece.type not in (types.USER_DEFINED, types.CONTROL, types.UNUSED):
            break
        count += 1
    return count


def _add_extra_pieces(model: Any, extra_ids: int, reverse: bool, pb2: Any) -> None:
    numbers = range(extra_ids)
    for number in reversed(numbers) if reverse else numbers:
        model.pieces.add(
            piece=f"▁<extra_id_{number}>",
            score=0.0,
            type=pb2.ModelProto.SentencePiece.USER_DEFINED,
        )
