"""Tokens made in batches are those that `encode_tf` makes of each text, whatever is in it."""

import random
from pathlib import Path

import numpy as np
import pytest
import sentencepiece

from t5mix.data.tokenization import sentencepiece_ties, tokenizers
from t5mix.vocabularies import ByteVocabulary, PassThroughVocabulary, SentencePieceVocabulary, T5Vocabulary

_STRANGE = [
    b"",
    b" ",
    b"\x00",
    b"a\x00b",
    b"\xff\xfe broken \xc3",
    b"half \xe2\x82",
    b"\xed\xa0\x80 a lone surrogate \xed\xbf\xbf",
    "e\u0301 a\u030a combining".encode(),
    "שלום עולם مرحبا".encode(),
    "\u200bzero\ufeffwidth\u00a0space".encode(),
    b"one <extra_id_0> two <extra_id_1>",
    "▁▁ ▁<extra_id_0>".encode(),
    "ﬁ ① Ａ ㌔".encode(),
    b"  many   spaces  ",
    b"999999999999999999999999999999999999*****************",
    "🙂🏽👩‍👩‍👧".encode(),
]


@pytest.fixture(scope="module")
def pieces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pieces")
    source = random.Random(0)
    words = ["".join(source.choices("abcdefghij", k=source.randint(1, 8))) for _ in range(300)]
    (folder / "text.txt").write_text("\n".join(" ".join(source.choices(words, k=12)) for _ in range(500)))
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "text.txt"), model_prefix=str(folder / "pieces"), vocab_size=200, character_coverage=1.0,
        pad_id=0, eos_id=1, unk_id=2, bos_id=-1, minloglevel=2,
    )  # fmt: skip
    return SentencePieceVocabulary(folder / "pieces.model", extra_ids=10)


def _texts(words):
    source = random.Random(1)
    return [*_STRANGE, *(" ".join(source.choices(words, k=source.randint(0, 30))).encode() for _ in range(300))]


@pytest.mark.parametrize("threads", [1, 3])
def test_ids_are_those_of_encode_tf(pieces, monkeypatch, threads):
    import tensorflow as tf

    monkeypatch.setattr(tokenizers, "threads_for", lambda size: threads)
    texts = _texts(["abba", "cad", "jig", "fee <extra_id_3>", "99"])
    for vocabulary in (pieces, ByteVocabulary(extra_ids=5)):
        values, lengths = tokenizers.tokenizer_of(vocabulary)(texts)
        assert values.dtype == np.int32 and lengths.dtype == np.int64
        made = np.split(values, np.cumsum(lengths)[:-1])
        for text, ids in zip(texts, made, strict=True):
            assert ids.tolist() == vocabulary.encode_tf(tf.constant(text)).numpy().tolist(), text


def test_t5s_vocabulary_is_tokenized_in_batches_too(pieces, monkeypatch):
    class Elsewhere(T5Vocabulary):
        def _content(self):
            return "what is somewhere else"

    monkeypatch.setenv("T5MIX_T5_VOCAB", pieces.sentencepiece_model_file)
    found = [tokenizers.tokenizer_of(vocabulary) for vocabulary in (T5Vocabulary(extra_ids=10), pieces)]
    (values, lengths), (expected, sizes) = (tokenize([b"abba cad", b"jig"]) for tokenize in found)
    assert values.tolist() == expected.tolist() and lengths.tolist() == sizes.tolist()
    assert tokenizers.tokenizer_of(Elsewhere()) is None


def test_strange_texts_come_back_as_sentencepiece_gives_them(pieces):
    values, lengths = tokenizers.tokenizer_of(pieces)(_STRANGE)
    own = sentencepiece.SentencePieceProcessor()
    own.LoadFromSerializedProto(pieces.sp_model)
    for text, ids in zip(_STRANGE, np.split(values, np.cumsum(lengths)[:-1]), strict=True):
        assert own.decode(ids.tolist()) == own.decode(own.encode(text))


_T5 = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "t5_vocab" / "spiece.model"


@pytest.mark.skipif(not _T5.exists(), reason="needs T5's vocabulary in ../shared/data, where ties are settled unlike")
def test_ties_are_settled_as_encode_tf_does():
    import tensorflow as tf

    vocabulary = SentencePieceVocabulary(_T5, 100)
    source = random.Random(2)
    units = ["-", "*", ".", "=", "!?", "ab", "10", "xy", "☃", " <extra_id_3> ", "_", "- "]
    texts = [mark * count + " end" for mark in ("-", ".") for count in range(30)]
    for _ in range(400):
        runs = [source.choice(units) * source.choice([1, 2, 3, 7, 20, 150]) for _ in range(source.randint(1, 4))]
        texts.append(source.choice(["", "so "]).join(runs))
    texts += ["".join(source.choices(source.choice(["ab", "!?", "-="]), k=source.randint(3, 12))) for _ in range(600)]
    encoded = [text.encode() for text in texts]
    own, other = vocabulary.tokenizer.encode(encoded), vocabulary.encode_tf(tf.constant(encoded)).to_list()
    assert sum(one != two for one, two in zip(own, other, strict=True)) > 20  # there are ties to settle
    values, lengths = tokenizers.tokenizer_of(vocabulary)(encoded)
    for text, ids, wanted in zip(texts, np.split(values, np.cumsum(lengths)[:-1]), other, strict=True):
        assert ids.tolist() == wanted, text


def test_a_normalized_text_is_cut_as_encode_tf_cuts_it(pieces):
    """All texts, not only those with ties; unknown characters and the user's pieces among them."""
    import tensorflow as tf

    own = sentencepiece_ties.tie_breaker(pieces.sp_model)
    for text in _texts(["abba", "cad", "jig", "fee <extra_id_3>", "99", "☃☃", "<extra_id_3><extra_id_4>"]):
        normalized = "".join(pieces.tokenizer.encode([text], out_type=str)[0])
        assert own.cut(normalized) == pieces.encode_tf(tf.constant(text)).numpy().tolist(), text


@pytest.mark.slow
def test_a_line_of_ten_megabytes_is_tokenized_like_others(pieces):
    line = b"abba cad " * (10 * 2**20 // 9)
    values, lengths = tokenizers.tokenizer_of(pieces)([line, b"jig"])
    assert lengths.tolist() == [len(values) - lengths[1], lengths[1]]
    # By the pieces' texts: beside TensorFlow, sentencepiece takes minutes to decode so many.
    text = "".join(pieces.tokenizer.id_to_piece(values[: lengths[0]].tolist()))
    assert text.replace("\N{LOWER ONE EIGHTH BLOCK}", " ").strip() == line.decode().strip()


def test_a_vocabulary_that_encodes_in_its_own_way_has_no_form_for_batches(pieces):
    class Lower(SentencePieceVocabulary):
        def _encode_tf(self, s):
            import tensorflow as tf

            return super()._encode_tf(tf.strings.lower(s))

    class Shifted(ByteVocabulary):
        def encode_tf(self, s):
            return super().encode_tf(s) + 1

    fast = SentencePieceVocabulary(pieces.sentencepiece_model_file, use_fast_tokenizer=True)
    for vocabulary in (fast, Lower(pieces.sentencepiece_model_file), Shifted(), PassThroughVocabulary(9)):
        assert tokenizers.tokenizer_of(vocabulary) is None
