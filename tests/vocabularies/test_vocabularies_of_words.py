"""Vocabularies of words, of codepoints and of BERT's word pieces: round trips, and TensorFlow against Python."""

from collections.abc import Callable
from pathlib import Path

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

import t5mix
from t5mix.vocabularies import Vocabulary

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "cat", "sat", "##s", "un", "##known", ".", "é"]


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bert") / "vocab.txt"
    path.write_text("\n".join(PIECES) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def bert(pieces: Path) -> Callable[..., t5mix.BertWordPieceVocabulary]:
    def make(**arguments: object) -> t5mix.BertWordPieceVocabulary:
        given = {"start_of_sequence_id": 2, "end_of_sequence_id": 3, **arguments}
        return t5mix.BertWordPieceVocabulary(pieces, **given)  # type: ignore[arg-type]

    return make


def in_a_pipeline(vocabulary: Vocabulary, texts: list[str]) -> tuple[list[list[int]], list[str]]:
    """Returns ids and texts as `Dataset.map`, which traces, makes them."""
    ids = tf.data.Dataset.from_tensor_slices(texts).map(vocabulary.encode_tf)
    decoded = ids.map(vocabulary.decode_tf)
    return [row.tolist() for row in ids.as_numpy_iterator()], [text.decode() for text in decoded.as_numpy_iterator()]


# Words.


def test_words_have_the_ids_of_their_places() -> None:
    words = t5mix.UnigramVocabulary(["red", "green", "blue"], split_on_space=True)
    assert (words.vocab_size, words.pad_id, words.eos_id, words.unk_id, words.bos_id) == (5, 0, None, 4, None)
    assert words.encode("blue pink red") == [3, 4, 1] and words.decode([3, 4, 1]) == "blue UNK red"
    assert in_a_pipeline(words, ["blue pink red", "green"]) == ([[3, 4, 1], [2]], ["blue UNK red", "green"])
    assert words.decode_tf(tf.constant([[1, 2], [3, 3]])).numpy().tolist() == [b"red green", b"blue blue"]


def test_a_text_may_be_one_word() -> None:
    words = t5mix.UnigramVocabulary(["New York", "Rome"])
    assert words.encode("New York") == [1] and words.encode("Rome Rome") == [words.unk_id]
    assert in_a_pipeline(words, ["New York", "Oslo"]) == ([[1], [3]], ["New York", "UNK"])


def test_a_word_with_two_ids_is_refused() -> None:
    for wrong in (["a", "b", "a"], ["a", "UNK"], ["PAD"]):
        with pytest.raises(ValueError, match="more than once"):
            t5mix.UnigramVocabulary(wrong)
    with pytest.raises(ValueError, match="list of words"):
        t5mix.UnigramVocabulary("abc")


# Codepoints.


@given(st.text(alphabet=st.characters(blacklist_categories=["Cs", "Co"], min_codepoint=1)))
def test_every_text_survives_its_codepoints(text: str) -> None:
    full = t5mix.FullCodepointVocabulary()
    ids = full.encode(text)
    assert ids == full.encode_tf(tf.constant(text)).numpy().tolist() and full.decode(ids) == text
    assert full.decode([*ids, full.eos_id, 65]) == text
    some = t5mix.PartialCodepointVocabulary([ord(character) for character in text], extra_ids=5)
    ids = some.encode(text)
    assert ids == some.encode_tf(tf.constant(text)).numpy().tolist() and some.decode(ids) == text
    assert some.vocab_size == 3 + len(set(text)) + 5


def test_unlisted_characters_are_unknown() -> None:
    some = t5mix.PartialCodepointVocabulary([ord(c) for c in "cab"], 2)
    assert (some.pad_id, some.eos_id, some.unk_id, some.vocab_size) == (0, 1, 2, 8)
    unknown = chr(some.UNK_CODEPOINT)
    assert some.encode("back") == [5, 4, 3, 2] and some.decode([5, 4, 3, 2, 7]) == f"bac{unknown}{unknown}"
    assert in_a_pipeline(some, ["back", ""]) == ([[5, 4, 3, 2], []], [f"bac{unknown}", ""])
    # Also one whose neighbour in the order of codepoints is listed: a search alone would take it for that.
    assert some.encode_tf(tf.constant("A`d")).numpy().tolist() == some.encode("A`d") == [2, 2, 2]
    batch = some.encode_tf(tf.constant(["ab", "c"]))
    assert batch.to_list() == [[4, 5], [3]]
    with pytest.raises(ValueError, match="1114112 is no codepoint"):
        t5mix.PartialCodepointVocabulary([0x110000])


def test_codepoints_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "codepoints.txt"
    path.write_text("99\n97\n98\n")
    read = t5mix.PartialCodepointVocabulary.create_from_file(path, extra_ids=2)
    assert read == t5mix.PartialCodepointVocabulary([99, 97, 98], 2)
    path.write_text("99\nb\n")
    with pytest.raises(ValueError, match=r"codepoints\.txt:2: 'b' is no codepoint"):
        t5mix.PartialCodepointVocabulary.create_from_file(path)


# Word pieces.


def test_the_pieces_of_a_word_stand_in_one_row(bert: Callable[..., t5mix.BertWordPieceVocabulary]) -> None:
    vocabulary = bert()
    ids = [4, 5, 7, 6, 1, 10]
    assert vocabulary.encode("the cats sat xyz.") == ids
    assert vocabulary.decode(ids) == "the cats sat [UNK] ."
    assert in_a_pipeline(vocabulary, ["the cats", "sat"]) == ([[4, 5, 7], [6]], ["the cats", "sat"])
    assert vocabulary.encode_tf(tf.constant(["the cats", "sat"])).to_list() == [[4, 5, 7], [6]]
    assert vocabulary.encode("") == []


def test_decoding_word_pieces_ends_at_sep_and_shows_no_padding(bert: Callable) -> None:
    vocabulary = bert()
    assert (vocabulary.pad_id, vocabulary.unk_id, vocabulary.bos_id, vocabulary.eos_id) == (0, 1, 2, 3)
    assert vocabulary.decode([4, 5, 3, 6]) == "the cat [SEP]" and vocabulary.decode([4, 99, 0, 0]) == "the [UNK]"
    padded = tf.constant([[4, 5, 3, 6], [6, 0, 0, 0]])
    assert vocabulary.decode_tf(padded).numpy().tolist() == [b"the cat [SEP]", b"sat"]


def test_word_piece_arguments_reach_the_tokenizer(bert: Callable, tmp_path: Path) -> None:
    assert bert(lower_case=True).encode("The CAT É") == [4, 5, 1]  # without its accent é is another letter
    assert bert(token_out_type=tf.int32).encode_tf(tf.constant("the")).dtype == tf.int32
    for arguments, match in (({"pad_id": 5}, "padding is id 0"), ({"token_out_type": "string"}, "int32 or int64")):
        with pytest.raises(ValueError, match=match):
            bert(**arguments)
    with pytest.raises(ValueError, match=r"no piece '<unk>'"):
        _ = bert(unknown_token="<unk>").unk_id
    with pytest.raises(ValueError, match="cannot read"):
        t5mix.BertWordPieceVocabulary(tmp_path / "none.txt").encode("the")


# All.


def test_two_are_equal_only_with_the_same_ids(bert: Callable, tmp_path: Path, pieces: Path) -> None:
    different = [
        t5mix.UnigramVocabulary(["a", "b"]),
        t5mix.UnigramVocabulary(["b", "a"]),
        t5mix.UnigramVocabulary(["a", "b"], True),
        t5mix.FullCodepointVocabulary(),
        t5mix.FullCodepointVocabulary(3),
        t5mix.PartialCodepointVocabulary([97]),
        t5mix.PartialCodepointVocabulary([98]),
        t5mix.PartialCodepointVocabulary([97], 3),
        bert(),
        bert(lower_case=True),
        bert(end_of_sequence_id=4),
    ]
    assert len({vocabulary.fingerprint for vocabulary in different}) == len(different)
    assert all(one != other for i, one in enumerate(different) for other in different[:i])
    copy = tmp_path / "copy.txt"
    copy.write_bytes(pieces.read_bytes())
    again = t5mix.BertWordPieceVocabulary(copy, start_of_sequence_id=2, end_of_sequence_id=3)
    assert again == bert() and again.fingerprint == bert().fingerprint and hash(again) == hash(bert())


def test_a_task_may_have_any_of_them(bert: Callable) -> None:
    def source(split: str, shuffle_files: bool) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensors({"targets": "the cats"})

    for vocabulary in (
        t5mix.UnigramVocabulary(["the", "cats"], True),
        t5mix.PartialCodepointVocabulary([ord(c) for c in "thecas "]),
        t5mix.FullCodepointVocabulary(),
        bert(token_out_type="int32"),
    ):
        feature = t5mix.Feature(vocabulary, add_eos=vocabulary.eos_id is not None)
        steps = [t5mix.preprocessors.tokenize, t5mix.preprocessors.append_eos]
        task = t5mix.Task("t", t5mix.FunctionDataSource(source, ["train"]), {"targets": feature}, steps)
        [example] = task.get_dataset(shuffle=False).as_numpy_iterator()
        assert vocabulary.decode(example["targets"].tolist()).removesuffix(" [SEP]") == "the cats"
