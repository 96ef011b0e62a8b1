"""Tokenizer files against transformers' own: the same ids from the same texts."""

import json
import shutil

import numpy as np
import pytest
import sentencepiece

from t5mix.mesh.interop.hugging_face.tokenizer_reading import read_vocabulary, sentencepiece_model
from t5mix.mesh.interop.hugging_face.tokenizer_writing import write_tokenizer
from t5mix.vocabularies.byte_level import ByteVocabulary
from t5mix.vocabularies.sentence_piece import SentencePieceVocabulary
from t5mix.vocabularies.unigram import UnigramVocabulary

transformers = pytest.importorskip("transformers")

WORDS = "the model reads a task and writes an answer in many languages über naïve déjà 東京 тест".split()
TEXTS = [
    "",
    " ",
    "the  model\treads\n a task",
    "  leading and trailing  ",
    "ﬁne ½ ① ﬀ Å",
    "über, naïve; déjà-vu!",
    "東京 テスト",
    "🙂 unknown",
    "non\u00a0breaking\u3000space",
    "UPPER lower 1234",
    "writes/an/answer",
]


@pytest.fixture(scope="module", params=[False, True], ids=["unknown", "bytes"])
def pieces(tmp_path_factory, request):
    """A SentencePiece model of T5's kind, and one that spells in bytes what it does not know, as t5mix's own does."""
    folder = tmp_path_factory.mktemp("pieces")
    rng = np.random.default_rng(0)
    lines = [" ".join(rng.choice(WORDS, 8)) for _ in range(400)]
    (folder / "text.txt").write_text("\n".join(lines))
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "text.txt"),
        model_prefix=str(folder / "m"),
        vocab_size=320 if request.param else 120,
        byte_fallback=request.param,
        hard_vocab_limit=False,
        character_coverage=1.0,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
        num_threads=1,
    )
    return folder / "m.model"


def texts_and_more():
    rng = np.random.default_rng(1)
    return TEXTS + [" ".join(rng.choice(WORDS, 5)) for _ in range(100)]


def test_transformers_reads_what_is_written(tmp_path, pieces):
    vocabulary = SentencePieceVocabulary(pieces, 10)
    write_tokenizer(tmp_path, vocabulary)
    for options in ({}, {"use_fast": False}):
        tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path, **options)
        assert len(tokenizer) == vocabulary.vocab_size
        for text in texts_and_more():
            ids = vocabulary.encode(text)
            assert tokenizer(text).input_ids == [*ids, 1], (options, text)
            assert (
                tokenizer.decode(ids, skip_special_tokens=True).strip()
                == vocabulary.decode(ids).replace(" ⁇ ", "").strip()
                or vocabulary.unk_id in ids
            )
        first = vocabulary.vocab_size - 1
        assert tokenizer.convert_tokens_to_ids(["<extra_id_0>", "<extra_id_9>"]) == [first, first - 9]


def test_what_is_written_is_read_again_from_either_file(tmp_path, pieces, monkeypatch):
    monkeypatch.setenv("T5MIX_CACHE", str(tmp_path / "cache"))
    vocabulary = SentencePieceVocabulary(pieces, 10)
    (tmp_path / "out").mkdir()
    write_tokenizer(tmp_path / "out", vocabulary)
    from_pieces = read_vocabulary(tmp_path / "out")
    shutil.copytree(tmp_path / "out", tmp_path / "json", ignore=shutil.ignore_patterns("spiece.model"))
    from_json = read_vocabulary(tmp_path / "json")
    assert str(tmp_path / "cache") in from_json.sentencepiece_model_file
    for again in (from_pieces, from_json):
        assert (again.vocab_size, again.extra_ids) == (vocabulary.vocab_size, 10)
        for text in texts_and_more():
            ids = vocabulary.encode(text)
            assert again.encode(text) == ids and again.decode(ids) == vocabulary.decode(ids)


def test_what_transformers_writes_is_read(tmp_path, pieces, monkeypatch):
    monkeypatch.setenv("T5MIX_CACHE", str(tmp_path / "cache"))
    vocabulary = SentencePieceVocabulary(pieces, 10)
    (tmp_path / "pieces").mkdir()
    shutil.copy(pieces, tmp_path / "pieces" / "spiece.model")
    theirs = transformers.T5TokenizerFast.from_pretrained(tmp_path / "pieces", extra_ids=10)
    theirs.save_pretrained(tmp_path / "theirs")
    for removed in (None, "spiece.model"):
        if removed:
            (tmp_path / "theirs" / removed).unlink(missing_ok=True)  # transformers 5 writes none
        again = read_vocabulary(tmp_path / "theirs")
        assert again.vocab_size == len(theirs)
        for text in texts_and_more():
            ids = vocabulary.encode(text)
            spelled = any("<0x" in vocabulary.tokenizer.id_to_piece(number) for number in ids)
            if spelled and not (tmp_path / "theirs" / "spiece.model").exists():
                continue  # the tokenizer.json that transformers writes does not fall back to bytes
            assert again.encode(text) == ids, text


def test_a_model_that_holds_the_extra_ids_itself_gets_no_more(tmp_path, pieces):
    """mT5's and UMT5's SentencePiece models do."""
    whole = tmp_path / "spiece.model"
    whole.write_bytes(SentencePieceVocabulary(pieces, 10).sp_model)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"extra_ids": 10, "tokenizer_class": "T5Tokenizer"}))
    assert read_vocabulary(tmp_path).vocab_size == SentencePieceVocabulary(pieces, 10).vocab_size


def test_bytes_are_byt5s(tmp_path):
    write_tokenizer(tmp_path, ByteVocabulary(125))
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert type(tokenizer).__name__ == "ByT5Tokenizer"
    assert all(tokenizer(text).input_ids == [*ByteVocabulary(125).encode(text), 1] for text in texts_and_more())
    assert read_vocabulary(tmp_path) == ByteVocabulary(125)
    assert read_vocabulary(tmp_path).vocab_size == len(tokenizer) == 384


def test_a_folder_without_a_tokenizer_has_no_vocabulary(tmp_path):
    assert read_vocabulary(tmp_path) is None


def test_other_tokenizers_are_refused_by_name(tmp_path, pieces):
    with pytest.raises(ValueError, match="has no like in transformers"):
        write_tokenizer(tmp_path, UnigramVocabulary(["a"]))
    with pytest.raises(ValueError, match="its extra ids ascend"):
        write_tokenizer(tmp_path, SentencePieceVocabulary(pieces, 10, reverse_extra_ids=False))
    write_tokenizer(tmp_path, SentencePieceVocabulary(pieces, 10))
    content = json.loads((tmp_path / "tokenizer.json").read_text())
    for change, said in (
        ({"model": {"type": "BPE"}}, "no unigram model"),
        ({"normalizer": {"type": "Lowercase"}}, "normalizer 'Lowercase'"),
        ({"model": {**content["model"], "vocab": [["a", 0.0]]}}, "no token has id|first ids"),
        ({"model": {**content["model"], "vocab": [1, 2]}}, "not written as"),
    ):
        with pytest.raises(ValueError, match=said):
            sentencepiece_model({**content, **change}, "tokenizer.json")


def test_sentinels_of_the_model_itself_are_written_as_extra_ids_are(tmp_path, pieces):
    """A model that holds them, as T5's `...100extra` files do, gives the folder that extra_ids give."""
    added = SentencePieceVocabulary(pieces, 10)
    (tmp_path / "10extra.model").write_bytes(added.sp_model)
    within = SentencePieceVocabulary(tmp_path / "10extra.model")
    for folder, vocabulary in (("added", added), ("within", within)):
        (tmp_path / folder).mkdir()
        write_tokenizer(tmp_path / folder, vocabulary)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / "within" / name).read_bytes() == (tmp_path / "added" / name).read_bytes()
    assert read_vocabulary(tmp_path / "within").sp_model == added.sp_model
