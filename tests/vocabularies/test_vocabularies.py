"""Vocabularies: round trips, TensorFlow against Python, T5's own model, and identities."""

import copy
from pathlib import Path

import pytest
import sentencepiece
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import t5mix
from t5mix.vocabularies import Vocabulary

TEXTS = ["", "Das ist gut.", "a  b\tc", "naïve café ☕ 😀", "e\u0301 \u202eRTL\u202c", "1,234.5%", "x" * 3000]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SentencePiece model trained on a few sentences, with T5's special ids."""
    folder = tmp_path_factory.mktemp("sentencepiece")
    text = folder / "text.txt"
    words = "the cat sat on a mat and saw seven small black dogs run over green hills in rain".split()
    lines = [" ".join(words[(i * j) % len(words)] for j in range(1, 9)) for i in range(1, 200)]
    text.write_text("\n".join(lines))
    sentencepiece.SentencePieceTrainer.train(
        input=str(text), model_prefix=str(folder / "small"), vocab_size=90, pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
        hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    return folder / "small.model"


# SentencePiece.


def test_sentencepiece_encodes_as_the_library_does(model: Path) -> None:
    vocabulary = t5mix.SentencePieceVocabulary(model)
    plain = sentencepiece.SentencePieceProcessor(model_file=str(model))
    for text in ["the cat sat", "", "seven small dogs  run", "zebra!"]:
        assert vocabulary.encode(text) == plain.encode(text)
        assert vocabulary.encode_tf(tf.constant(text)).numpy().tolist() == plain.encode(text)
        assert vocabulary.decode(plain.encode(text)) == plain.decode(plain.encode(text))
    assert (vocabulary.pad_id, vocabulary.eos_id, vocabulary.unk_id, vocabulary.bos_id) == (0, 1, 2, None)
    assert vocabulary.vocab_size == plain.get_piece_size()


def test_the_fast_tokenizer_agrees_where_it_is_asked_for(model: Path) -> None:
    plain, fast = (t5mix.SentencePieceVocabulary(model, 10, use_fast_tokenizer=fast) for fast in (False, True))
    fast.load_model()
    for text in ["the cat sat", "", "seven <extra_id_0> dogs  run", "<extra_id_9>"]:
        ids = plain.encode(text)
        assert fast.encode(text) == ids == fast.encode_tf(tf.constant(text)).numpy().tolist()
        assert fast.decode_tf(tf.constant(ids, tf.int32)).numpy().decode() == plain.decode(ids)
    assert type(fast.tf_tokenizer) is not type(plain.tf_tokenizer)
    assert plain != fast and plain.fingerprint != fast.fingerprint


def test_extra_ids_count_from_the_end(model: Path) -> None:
    plain, extra = t5mix.SentencePieceVocabulary(model), t5mix.SentencePieceVocabulary(model, 10)
    assert extra.vocab_size == plain.vocab_size + 10 and extra.extra_ids == 10
    assert extra.encode("<extra_id_0> cat <extra_id_9>")[0] == extra.vocab_size - 1
    assert extra.encode("the <extra_id_9>")[-1] == plain.vocab_size
    ids = extra.encode("the <extra_id_3> sat")
    assert extra.decode(ids) == "the <extra_id_3> sat"
    assert extra.encode_tf(tf.constant("the <extra_id_3> sat")).numpy().tolist() == ids
    forward = t5mix.SentencePieceVocabulary(model, 10, reverse_extra_ids=False)
    assert forward.encode("<extra_id_0>")[-1] == plain.vocab_size


def test_decoding_ends_at_eos_and_knows_no_id_past_the_end(model: Path) -> None:
    vocabulary = t5mix.SentencePieceVocabulary(model, 5)
    ids = vocabulary.encode("the cat")
    assert vocabulary.decode([*ids, 1, *ids]) == "the cat"
    assert vocabulary.decode([*ids, 10**6]) == vocabulary.decode([*ids, 2])
    batch = tf.constant([[*ids, 1, *ids, 0]])
    assert vocabulary.decode_tf(batch).numpy().tolist() == [b"the cat"]
    assert vocabulary.decode_tf(tf.constant([], tf.int32)).numpy() == b""


def test_fingerprint_follows_the_bytes_and_not_the_path(model: Path, tmp_path: Path) -> None:
    copied = tmp_path / "copied.model"
    copied.write_bytes(model.read_bytes())
    one, other = t5mix.SentencePieceVocabulary(model, 10), t5mix.SentencePieceVocabulary(str(copied), 10)
    assert one.fingerprint == other.fingerprint
    assert one.fingerprint != t5mix.SentencePieceVocabulary(model, 11).fingerprint
    assert one.fingerprint != t5mix.SentencePieceVocabulary(model, 10, reverse_extra_ids=False).fingerprint
    before = other.encode("the cat")
    data = sentencepiece.sentencepiece_model_pb2.ModelProto.FromString(copied.read_bytes())
    data.pieces[5].score -= 1000
    copied.write_bytes(data.SerializeToString())
    assert one.fingerprint != other.fingerprint
    assert t5mix.SentencePieceVocabulary(model, 10).encode("the cat") == before


def test_equality_is_that_of_the_arguments(model: Path) -> None:
    assert t5mix.SentencePieceVocabulary(model, 3) == t5mix.SentencePieceVocabulary(str(model), 3)
    assert hash(t5mix.SentencePieceVocabulary(model, 3)) == hash(t5mix.SentencePieceVocabulary(str(model), 3))
    assert t5mix.SentencePieceVocabulary(model, 3) != t5mix.SentencePieceVocabulary(model, 4)
    assert copy.deepcopy(t5mix.SentencePieceVocabulary(model, 3)) == t5mix.SentencePieceVocabulary(model, 3)


def test_normalizer_overrides_change_encoding_and_identity(model: Path) -> None:
    from sentencepiece import sentencepiece_model_pb2 as pb2

    overrides = pb2.NormalizerSpec(remove_extra_whitespaces=False)
    kept = t5mix.SentencePieceVocabulary(model, normalizer_spec_overrides=overrides)
    plain = t5mix.SentencePieceVocabulary(model)
    assert len(kept.encode("the   cat")) > len(plain.encode("the   cat"))
    assert kept.fingerprint != plain.fingerprint and kept != plain


def test_a_declaration_reads_no_file_and_use_says_what_is_wrong(tmp_path: Path) -> None:
    missing = t5mix.SentencePieceVocabulary(tmp_path / "none.model")
    with pytest.raises(ValueError, match=r"cannot read .*none\.model"):
        missing.encode("x")
    (tmp_path / "text.model").write_text("this is no model" * 50)
    with pytest.raises(ValueError, match="is no SentencePiece model"):
        t5mix.SentencePieceVocabulary(tmp_path / "text.model").encode("x")


def test_a_model_without_padding_is_refused(model: Path, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("one two three four five six seven\n" * 20)
    sentencepiece.SentencePieceTrainer.train(
        input=str(tmp_path / "t.txt"), model_prefix=str(tmp_path / "bad"), vocab_size=30, hard_vocab_limit=False,
        minloglevel=2,
    )  # fmt: skip
    with pytest.raises(ValueError, match="--pad_id=0 --eos_id=1 --unk_id=2"):
        t5mix.SentencePieceVocabulary(tmp_path / "bad.model").encode("x")


def test_t5s_own_vocabulary(shared_data: Path) -> None:
    vocabulary = t5mix.SentencePieceVocabulary(shared_data / "t5_vocab" / "spiece.model", extra_ids=100)
    assert vocabulary.vocab_size == 32100
    assert (vocabulary.pad_id, vocabulary.eos_id, vocabulary.unk_id) == (0, 1, 2)
    assert vocabulary.encode("<extra_id_0>")[-1] == 32099
    # The ids that the published T5 gives for its most quoted input.
    ids = [13959, 1566, 12, 2968, 10, 37, 629, 19, 1627, 5]
    assert vocabulary.encode("translate English to German: The house is wonderful.") == ids
    assert vocabulary.decode([*ids, 1, 0, 0]) == "translate English to German: The house is wonderful."
    for text in TEXTS:
        assert vocabulary.encode_tf(tf.constant(text)).numpy().tolist() == vocabulary.encode(text)


# Bytes.


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_bytes_round_trip(text: str) -> None:
    vocabulary = t5mix.ByteVocabulary(extra_ids=7)
    ids = vocabulary.encode(text)
    assert vocabulary.decode(ids) == text
    assert [i - 3 for i in ids] == list(text.encode())


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 300), min_size=1, max_size=30))
def test_bytes_decode_alike_in_tensorflow(ids: list[int]) -> None:
    vocabulary = t5mix.ByteVocabulary(extra_ids=7)
    text = vocabulary.decode(ids)
    assert vocabulary.decode_tf(tf.constant(ids)).numpy().decode() == text
    assert vocabulary.decode_tf(tf.constant([ids, ids])).numpy().tolist() == [text.encode()] * 2


def test_bytes_have_byt5s_ids() -> None:
    vocabulary = t5mix.ByteVocabulary(extra_ids=7)
    assert vocabulary.vocab_size == 266 and vocabulary.encode("a") == [100]
    assert vocabulary.encode_tf(tf.constant("aé")).numpy().tolist() == vocabulary.encode("aé")
    for texts in (["aé", "", "b"], [""], ["ab", "cd"]):
        assert vocabulary.encode_tf(tf.constant(texts)).to_list() == [vocabulary.encode(text) for text in texts]
    assert vocabulary.decode([100, 2, 0, 262, 101, 1, 102]) == "ab"
    assert vocabulary == t5mix.ByteVocabulary(7) != t5mix.ByteVocabulary(8)
    assert vocabulary.fingerprint != t5mix.ByteVocabulary(8).fingerprint


# The rest.


def test_pass_through_changes_nothing() -> None:
    vocabulary = t5mix.PassThroughVocabulary(size=10, eos_id=9)
    assert vocabulary.vocab_size == vocabulary.size == 10
    assert vocabulary.encode([3, 4]) == [3, 4] and vocabulary.decode([3, 9, 4]) == [3, 9]
    assert vocabulary == t5mix.PassThroughVocabulary(10, 9) != t5mix.PassThroughVocabulary(10)


@pytest.mark.parametrize("extra_ids", [-1, 1.5, True, "3"])
def test_wrong_counts_are_refused(extra_ids: object) -> None:
    with pytest.raises(ValueError, match="extra_ids"):
        t5mix.ByteVocabulary(extra_ids)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="size"):
        t5mix.PassThroughVocabulary(extra_ids)  # type: ignore[arg-type]


def test_a_users_own_vocabulary_has_a_fingerprint() -> None:
    class Letters(Vocabulary):
        def __init__(self, letters: str) -> None:
            super().__init__()
            self.letters = letters

        eos_id = 1
        unk_id = 2

        @property
        def _base_vocab_size(self) -> int:
            return 3 + len(self.letters)

        def _encode(self, s: str) -> list[int]:
            return [3 + self.letters.find(letter) for letter in s]

        def _decode(self, ids: list[int]) -> str:
            return "".join(self.letters[i - 3] for i in ids if i > 2)

        def _encode_tf(self, s: tf.Tensor) -> tf.Tensor:
            raise NotImplementedError

        _decode_tf = _encode_tf

    assert Letters("abc").decode(Letters("abc").encode("cab")) == "cab"
    assert Letters("abc").fingerprint == Letters("abc").fingerprint != Letters("abd").fingerprint
