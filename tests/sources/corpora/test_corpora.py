"""What every corpus promises, and what each one's rows look like."""

import itertools

import pytest

from t5mix.sources import corpora
from t5mix.sources.corpora import cldr, docstrings
from t5mix.sources.corpora.splits import SPLITS, split_of

LANGUAGES = ("en", "de", "fr", "ro")
CORPORA = {
    "documents": corpora.documents(),
    "libraries": corpora.libraries(),
    "sentiment": corpora.sentiment(),
    "valence": corpora.valence(),
    "names": corpora.language_names(LANGUAGES),
    "questions": corpora.questions(),
    "translations": corpora.translations("de"),
    "abbreviations": corpora.abbreviations(),
}


@pytest.fixture(params=CORPORA.values(), ids=list(CORPORA))
def corpus(request):
    return request.param


def texts(row):
    """The text of a row, without its id."""
    return {key: value for key, value in row.items() if key not in ("id", "idx")}


def test_splits_share_no_item_and_no_row(corpus):
    for one, other in itertools.combinations(SPLITS, 2):
        assert not set(corpus.items(one)) & set(corpus.items(other))
        rows = {repr(texts(row)) for row in corpus.rows(one)}
        assert not rows & {repr(texts(row)) for row in corpus.rows(other)}


def test_splits_are_large_enough_to_train_and_to_measure(corpus):
    assert corpus.num_input_examples("train") >= 2_000
    for split in ("validation", "test"):
        assert 200 <= corpus.num_input_examples(split) <= 1_000


def test_rows_are_repeated_exactly_and_are_not_sorted_by_item(corpus):
    rows = corpus.rows("test")
    assert rows == corpus.rows("test")
    assert rows != sorted(rows, key=repr)


def test_a_dataset_holds_the_rows_in_order(corpus):
    rows = corpus.rows("test")
    examples = list(corpus("test").take(3).as_numpy_iterator())
    for row, example in zip(rows, examples, strict=False):
        for key, value in row.items():
            if isinstance(value, str):
                assert example[key].decode("utf-8") == value


def test_fingerprints_differ_by_split_and_by_arguments():
    prints = {
        corpus.fingerprint(split)
        for corpus in (
            corpora.translations("de"),
            corpora.translations("fr"),
            corpora.translations("de", 99),
        )
        for split in SPLITS
    }
    assert len(prints) == 9
    assert corpora.translations("de").fingerprint("test") in prints


def test_an_unknown_split_is_refused():
    with pytest.raises(ValueError, match="no split 'dev'; it has train"):
        corpora.sentiment().rows("dev")


def test_both_lexicon_tasks_hold_out_the_same_words():
    assert set(corpora.sentiment().items("test")) <= set(corpora.valence().items("test"))


def test_sentiment_is_the_sign_of_valence():
    valence = {row["word"]: row["label"] - 20 for row in corpora.valence().rows("train")}
    for row in corpora.sentiment().rows("train"):
        assert valence[row["sentence"]] * (2 * row["label"] - 1) >= 0


def test_translations_of_a_phrase_are_in_one_split():
    english = [{row["en"] for row in corpora.translations(language).rows("test")} for language in ("de", "ro")]
    train = {row["en"] for row in corpora.translations("fr").rows("train")}
    assert not train & (english[0] | english[1])


@pytest.mark.parametrize(("english", "german"), [("1 hour", "1 Stunde"), ("in 3 weeks", "in 3 Wochen")])
def test_translations_say_the_same(english, german):
    rows = [row for split in SPLITS for row in corpora.translations("de", 20_000).rows(split)]
    assert {row["de"] for row in rows if row["en"] == english} <= {german}


def test_answers_stand_in_their_contexts():
    for split in SPLITS:
        for row in corpora.questions().rows(split):
            assert row["answers"]["text"][0] in row["context"]


def test_a_language_name_belongs_to_one_language():
    labels = {}
    for split in SPLITS:
        for row in corpora.language_names(LANGUAGES).rows(split):
            assert labels.setdefault(row["name"], row["label"]) == row["label"]
    assert set(labels.values()) == set(range(len(LANGUAGES)))


def test_a_title_is_in_one_split_for_documents_and_libraries():
    for one, other in itertools.permutations((corpora.documents(), corpora.libraries())):
        assert not set(one.items("train")) & set(other.items("test"))


def test_docstrings_are_read_without_importing(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(
        'raise RuntimeError("imported")\n\ndef getFile2(x):\n    """Returns a file. It is open.\n\n'
        '    Twice.\n\n    Parameters\n    ---\n    """\n'
    )
    found = list(docstrings._in_file("python", path))
    assert found == [
        docstrings.Docstring("python", "get file 2", "Returns a file.", "Returns a file. It is open. Twice.")
    ]


def test_cldr_spaces_become_plain():
    assert cldr.plain(" 1\u202f234,5\xa0km ") == "1 234,5 km"


def test_every_item_is_where_its_name_says(corpus):
    for split in SPLITS:
        assert all(split_of(item, corpus.held_out) == split for item in corpus.items(split)[:50])
