"""Small vocabularies for tests, with the very ids of those in seqio's tests."""

import functools
import io
import os
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from t5mix.internal.lazy import tensorflow as tf
from t5mix.vocabularies import BertWordPieceVocabulary, SentencePieceVocabulary, Vocabulary

# The pieces behind padding, EOS and unknown, each with its log probability.
_PIECES = (
    *(("▁", -2.1816), ("e", -2.4808), ("a", -2.6804), ("s", -2.6911), ("o", -2.6911), ("i", -2.9411), ("l", -2.9411)),
    *(("▁test", -2.9411), ("▁th", -3.2744), (":", -3.2744), ("c", -3.2744), ("m", -3.2744), ("p", -3.2744)),
    *(("te", -3.2971), ("▁w", -3.7744), ("at", -3.8061), ("w", -4.7742), ("h", -4.7743), ("d", -4.7744)),
    *(("n", -4.7744), ("r", -4.7744), ("t", -4.7744), ("v", -4.7744)),
)
_SPECIAL = ("[UNK]", "[CLS]", "[SEP]", "[MASK]")
_WORDS = ("a", "is", "this", "test")

_folder: tempfile.TemporaryDirectory[str] | None = None


@functools.cache
def test_data_dir() -> str:
    """Returns a folder of this process with `sentencepiece/` and `bertwordpiece/`, which goes when the process ends."""
    global _folder
    _folder = tempfile.TemporaryDirectory(prefix="t5mix_test_data_")
    for path, content in (
        ("sentencepiece/sentencepiece.model", _sentencepiece_model()),
        ("bertwordpiece/vocab.txt", _word_pieces()),
    ):
        os.makedirs(os.path.join(_folder.name, os.path.dirname(path)))
        with open(os.path.join(_folder.name, path), "wb") as file:
            file.write(content)
    return _folder.name


def _sentencepiece_model() -> bytes:
    """Returns a unigram model of `_PIECES`, with the normalization that SentencePiece gives by default."""
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2

    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["this is a test"]),
        model_writer=trained,
        vocab_size=20,
        hard_vocab_limit=False,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
    )
    model = sentencepiece_model_pb2.ModelProto.FromString(trained.getvalue())
    del model.pieces[3:]
    for piece, score in _PIECES:
        model.pieces.add(piece=piece, score=score)
    model.trainer_spec.vocab_size = len(model.pieces)
    return model.SerializeToString(deterministic=True)


def _word_pieces() -> bytes:
    unused = [f"[unused{number}]" for number in range(99)]
    return "".join(f"{word}\n" for word in ("[PAD]", *unused, *_SPECIAL, *_WORDS)).encode()


def sentencepiece_vocab(
    extra_ids: int = 0,
    normalizer_spec_overrides: Any = None,
    reverse_extra_ids: bool = True,
    use_fast_tokenizer: bool = False,
) -> SentencePieceVocabulary:
    """Returns a vocabulary of 26 pieces that can say "this is a test"; see `t5mix.SentencePieceVocabulary`."""
    return SentencePieceVocabulary(
        os.path.join(test_data_dir(), "sentencepiece", "sentencepiece.model"),
        extra_ids=extra_ids,
        normalizer_spec_overrides=normalizer_spec_overrides,
        reverse_extra_ids=reverse_extra_ids,
        use_fast_tokenizer=use_fast_tokenizer,
    )


def bertwordpiece_vocab(start_of_sequence_id: int = 101) -> BertWordPieceVocabulary:
    """Returns a vocabulary of four words and BERT's signs; see `t5mix.BertWordPieceVocabulary`."""
    path = os.path.join(test_data_dir(), "bertwordpiece", "vocab.txt")
    return BertWordPieceVocabulary(path, start_of_sequence_id=start_of_sequence_id)


class MockVocabulary(Vocabulary):
    """A vocabulary that knows the texts it is given, and no other.

    Args:
        encode_dict: ids by text.
        vocab_size: number of ids.
    """

    def __init__(self, encode_dict: Mapping[str, Sequence[int]], vocab_size: int | None = None) -> None:
        super().__init__()
        self._encode_dict = {text: list(ids) for text, ids in encode_dict.items()}
        self._vocab_size = vocab_size

    @property
    def vocab_size(self) -> Any:
        """The number that was given."""
        return self._vocab_size

    @property
    def eos_id(self) -> int:
        """The id that ends a sequence: 1."""
        return 1

    @property
    def unk_id(self) -> None:
        """None: there is no unknown text."""
        return None

    @property
    def _base_vocab_size(self) -> Any:
        return self._vocab_size

    def _encode(self, s: Any) -> list[int]:
        return self._encode_dict[s]

    def _decode(self, ids: list[int]) -> str:
        for text, known in self._encode_dict.items():
            if known == ids:
                return text
        raise ValueError(f"MockVocabulary knows no text with the ids {ids}")

    def _encode_tf(self, s: "tf.Tensor") -> "tf.Tensor":
        ids = tf.constant([-1], tf.int32)
        for text, known in self._encode_dict.items():
            ids = tf.cond(tf.equal(s, text), lambda known=known: tf.constant(known, tf.int32), lambda ids=ids: ids)
        return ids

    def _decode_tf(self, ids: "tf.Tensor") -> "tf.Tensor":
        return tf.py_function(lambda numbers: self._decode(numbers.numpy().tolist()), [ids], tf.string)
