"""BERT's vocabulary of word pieces."""

import functools
import os
from typing import Any

from t5mix.internal.code import fingerprints
from t5mix.internal.lazy import tensorflow as tf
from t5mix.vocabularies.base import Vocabulary


class BertWordPieceVocabulary(Vocabulary):
    """The word pieces of a BERT `vocab.txt` (Devlin et al., 2019, arXiv:1810.04805), by tensorflow_text.

    The file is read when first needed. Decoding leaves padding out and joins the pieces of a word.

    Args:
        vocab_lookup_table: path of the file: one piece a line, in the order of their ids.
        suffix_indicator: what begins a piece that continues a word.
        max_bytes_per_word: longer words are unknown.
        max_chars_per_token: the length of the longest piece, if it is known: speeds up long words.
        token_out_type: dtype of the ids of `encode_tf`; a name or a `tf.DType`.
        unknown_token: the piece that stands for unknown words.
        split_unknown_characters: whether a character without a piece makes only itself unknown, not its word.
        lower_case: lower case, NFD, without accents, before splitting.
        keep_whitespace: whether white space stays.
        normalization_form: a Unicode normal form that is applied when lower_case is False.
        preserve_unused_token: whether "[unused1]" and the like in a text are pieces.
        pad_id: id of "[PAD]"; must be 0, T5's.
        start_of_sequence_id: id of "[CLS]".
        end_of_sequence_id: id of "[SEP]".
    """

    def __init__(
        self,
        vocab_lookup_table: str | os.PathLike[str],
        suffix_indicator: str = "##",
        max_bytes_per_word: int = 100,
        max_chars_per_token: int | None = None,
        token_out_type: Any = "int64",
        unknown_token: str = "[UNK]",
        split_unknown_characters: bool = False,
        lower_case: bool = False,
        keep_whitespace: bool = False,
        normalization_form: str | None = None,
        preserve_unused_token: bool = False,
        pad_id: int = 0,
        start_of_sequence_id: int = 101,
        end_of_sequence_id: int = 102,
    ) -> None:
        super().__init__()
        self._file = os.fspath(vocab_lookup_table)
        self._tokenizing: dict[str, Any] = {
            "suffix_indicator": suffix_indicator,
            "max_bytes_per_word": max_bytes_per_word,
            "max_chars_per_token": max_chars_per_token,
            "token_out_type": token_out_type if isinstance(token_out_type, str) else token_out_type.name,
            "unknown_token": unknown_token,
            "split_unknown_characters": split_unknown_characters,
            "lower_case": lower_case,
            "keep_whitespace": keep_whitespace,
            "normalization_form": normalization_form,
            "preserve_unused_token": preserve_unused_token,
        }
        if pad_id != 0:
            raise ValueError(f"BertWordPieceVocabulary: pad_id is {pad_id!r}; padding is id 0 everywhere, also here")
        if self._tokenizing["token_out_type"] not in ("int32", "int64"):
            raise ValueError(f"BertWordPieceVocabulary: token_out_type is {token_out_type!r}; give int32 or int64")
        self._sos_id = start_of_sequence_id
        self._eos_id = end_of_sequence_id

    @property
    def sos_id(self) -> int:
        """The id of "[CLS]", which begins a sequence."""
        return self._sos_id

    @property
    def bos_id(self) -> int:
        """The id of "[CLS]", too."""
        return self._sos_id

    @property
    def eos_id(self) -> int:
        """The id of "[SEP]", which ends a sequence."""
        return self._eos_id

    @property
    def unk_id(self) -> int:
        """The id of the piece for unknown words.

        Raises:
            ValueError: when the file does not have it.
        """
        return self._id_of_unknown

    @property
    def fingerprint(self) -> str:
        """The sha256, as hex, of the file's pieces and the arguments; the path is no part of it."""
        return fingerprints.digest("WordPiece", self._content(), self._tokenizing, self._sos_id, self._eos_id)

    @property
    def tokenizer(self) -> Any:
        """The `tensorflow_text.BertTokenizer`."""
        return self._tokenizer

    @property
    def tf_tokenizer(self) -> Any:
        """The `tensorflow_text.BertTokenizer`, too."""
        return self._tokenizer

    @property
    def _base_vocab_size(self) -> int:
        # The last id is that of tensorflow_text's table for what is no piece; no text encodes to it.
        return len(self._pieces) + 1

    @functools.cached_property
    def _pieces(self) -> tuple[str, ...]:
        try:
            with tf.io.gfile.GFile(self._file, "rb") as file:
                lines = file.read().decode("utf-8").split("\n")
        except (OSError, tf.errors.OpError) as error:
            raise ValueError(f"BertWordPieceVocabulary: cannot read {self._file!r}: {error}") from error
        return tuple(line.rstrip("\r") for line in (lines[:-1] if lines[-1] == "" else lines))

    def _content(self) -> str:
        return fingerprints.digest(self._pieces)

    @functools.cached_property
    def _id_of_unknown(self) -> int:
        piece = self._tokenizing["unknown_token"]
        if piece not in self._pieces:
            raise ValueError(f"BertWordPieceVocabulary: {self._file!r} has no piece {piece!r}; give its unknown_token")
        return self._pieces.index(piece)

    @functools.cached_property
    def _tokenizer(self) -> Any:
        import tensorflow_text

        assert self._pieces  # a missing file is refused by name
        arguments = {**self._tokenizing, "token_out_type": tf.as_dtype(self._tokenizing["token_out_type"])}
        with tf.init_scope():  # its table must outlive the graph that asks first
            return tensorflow_text.BertTokenizer(vocab_lookup_table=self._file, **arguments)

    def _encode(self, s: str | bytes) -> list[int]:
        return self._encode_tf(tf.constant(s)).numpy().tolist()

    def _decode(self, ids: list[int]) -> str:
        return self._decode_tf(tf.constant(ids, tf.int64)).numpy().decode("utf-8")

    def _encode_tf(self, s: "tf.Tensor") -> "tf.Tensor":
        s = tf.convert_to_tensor(s)
        ids = self._tokenizer.tokenize(s).merge_dims(-2, -1)  # the pieces of all words in one row
        return ids if s.shape.rank else ids[0]

    def _decode_tf(self, ids: "tf.Tensor") -> "tf.Tensor":
        if not isinstance(ids, tf.RaggedTensor):
            if ids.shape.rank == 1:
                return self._decode_tf(ids[tf.newaxis])[0]
            ids = tf.RaggedTensor.from_tensor(ids)
        unpadded = tf.ragged.boolean_mask(ids, ids != tf.cast(self.pad_id, ids.dtype))
        words = self._tokenizer.detokenize(unpadded)
        return tf.strings.reduce_join(words, axis=-1, separator=" ")

    def _identity(self) -> tuple[Any, ...]:
        return (self._pieces, tuple(self._tokenizing.items()), self._sos_id, self._eos_id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BertWordPieceVocabulary) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash((self._sos_id, self._eos_id, tuple(self._tokenizing.items())))

    def __repr__(self) -> str:
        return f"BertWordPieceVocabulary({self._file!r})"
