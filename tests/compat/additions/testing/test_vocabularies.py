"""Small vocabularies say what seqio's tests write down."""

import os

import pytest
import tensorflow as tf

from t5mix import test_utils


def test_the_pieces_have_the_ids_of_seqios_tests() -> None:
    vocabulary = test_utils.sentencepiece_vocab()
    assert vocabulary.vocab_size == 26 and (vocabulary.eos_id, vocabulary.unk_id) == (1, 2)
    assert vocabulary.encode("complete: this") == [3, 13, 7, 14, 15, 9, 4, 16, 12, 11, 8, 6]
    assert vocabulary.encode("was a test") == [17, 5, 6, 3, 5, 10]
    assert vocabulary.encode_tf(tf.constant("was a test")).numpy().tolist() == [17, 5, 6, 3, 5, 10]
    assert vocabulary.decode([3, 8, 6, 3, 5, 10]) == "is a test"
    assert test_utils.sentencepiece_vocab(extra_ids=10).vocab_size == 36
    assert test_utils.sentencepiece_vocab() == vocabulary


def test_word_pieces() -> None:
    vocabulary = test_utils.bertwordpiece_vocab()
    assert vocabulary.decode(vocabulary.encode("this is a test")) == "this is a test"


def test_the_folder_holds_both_models() -> None:
    assert sorted(os.listdir(test_utils.TEST_DATA_DIR)) == ["bertwordpiece", "sentencepiece"]


def test_a_vocabulary_written_down() -> None:
    vocabulary = test_utils.MockVocabulary({"yes": [5, 6], "no": [7]}, vocab_size=8)
    assert vocabulary.encode("no") == [7] and vocabulary.decode([5, 6]) == "yes" and vocabulary.vocab_size == 8
    assert vocabulary.encode_tf(tf.constant("yes")).numpy().tolist() == [5, 6]
    with pytest.raises(ValueError, match=r"no text with the ids \[9\]"):
        vocabulary.decode([9])
