"""Words of labels that are not published, whatever vocabulary a task has."""

import pytest

import t5mix
from t5mix import test_utils
from t5mix.evaluation.scoring import unlabelled


def task(vocabulary: t5mix.Vocabulary) -> t5mix.Task:
    source = t5mix.TextLineDataSource({"test": __file__})
    return t5mix.Task("of_hidden_words", source, {"targets": t5mix.Feature(vocabulary)})


@pytest.mark.parametrize(
    ("vocabulary", "words"),
    [
        (t5mix.ByteVocabulary(), {"<unk>"}),
        (t5mix.PassThroughVocabulary(9), {"<unk>"}),
        # What a user's own vocabulary raises for a text that it does not know is its own affair: KeyError.
        (test_utils.MockVocabulary({"yes": [5]}), {"<unk>"}),
    ],
)
def test_a_vocabulary_need_not_know_the_word(vocabulary: t5mix.Vocabulary, words: set[str]) -> None:
    assert unlabelled.hidden_words(task(vocabulary)) >= words
