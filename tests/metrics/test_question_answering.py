"""Answers to questions: SQuAD's and CoQA's rules by hand, and SQuAD's metric in batches."""

import numpy as np
import pytest

import t5mix
from t5mix import metrics
from t5mix.metrics import question_answering


def test_squad_by_the_official_rules() -> None:
    targets = [["The Eiffel Tower", "Eiffel"], ["in 1889"], ["x"]]
    predictions = ["eiffel   tower!", "1889", ""]
    got = metrics.squad(targets, predictions)
    assert got["em"] == pytest.approx(100 / 3) and got["f1"] == pytest.approx(100 * (1 + 2 / 3) / 3)
    assert metrics.squad([["a-b"]], ["ab"])["em"] == 100 and metrics.trivia_qa([["a-b"]], ["ab"])["em"] == 0
    # Nothing against nothing is a match, though it has no token in common: as in the official script.
    assert metrics.squad([["the"]], ["a"]) == {"em": 100.0, "f1": 0.0}
    for wrong in ("text", []):
        with pytest.raises(ValueError, match="list of correct answers"):
            metrics.squad([wrong], ["x"])


def test_parts_of_the_question_answering_metrics() -> None:
    assert metrics.qa_metrics([["big moose", "hippo"], ["b"]], ["big cat", "B"]) == {"em": 0.0, "f1": 25.0}
    assert question_answering.coqa_tokens("Maru  the cat.") == ["maru", "cat"]
    assert question_answering.sequence_f1([], []) == 1.0 and question_answering.sequence_f1([], ["cat"]) == 0.0


def test_span_squad() -> None:
    target = {"answers": ["naïve Bob", "Bob"], "context": "Ann saw  naïve Bob ( today ) . "}
    words = target["context"]
    assert words[9:18] == "naïve Bob"

    def em(place: str) -> float:
        return metrics.span_squad([target], [place])["em"]

    assert em("start: 3 end: 5") == em("start: 5 end: 5") == em("Start 5, END 5") == 100
    for place in ("", "start: 4", "start: x end: y", "start: 9 end: 4", "start: 900 end: 901", "start: 0 end: 0"):
        assert em(place) == 0
    assert metrics.span_squad([target], ["start: 5 end: 999"])["f1"] > 0


def test_coqa_f1() -> None:
    assert metrics.coqa_f1([["the big cat"], ["", "x"], ["a b"]], ["big dog", "the", "c"])["f1"] == pytest.approx(
        100 * (0.5 + 1 + 0) / 3
    )
    with pytest.raises(ValueError, match="a list of correct answers"):
        metrics.coqa_f1(["cat"], ["cat"])


VOCABULARY = t5mix.ByteVocabulary()
FEATURES = {"targets": t5mix.Feature(VOCABULARY)}
ANSWERS = [["big moose", "hippo"], ["correct"], ["the cat sat", b"a cat"], ["b"]]
GIVEN = ["a big Moose!", "wrong", "cat", "c"]
EXAMPLES = [{"answers": np.array(answers, object)} for answers in ANSWERS]


def _ids(texts: list[str]) -> np.ndarray:
    """One row a text, filled up with 0 behind its EOS, as models give them."""
    rows = [[*VOCABULARY.encode(text), VOCABULARY.eos_id] for text in texts]
    return np.array([row + [0] * (20 - len(row)) for row in rows])


def test_batches_merged_are_the_whole() -> None:
    expected = metrics.squad([[a if isinstance(a, str) else a.decode() for a in each] for each in ANSWERS], GIVEN)
    made = metrics.ShardedSquad.empty()
    for start, stop in ((0, 1), (1, 4)):
        batch = metrics.ShardedSquad.from_model_output(EXAMPLES[start:stop], _ids(GIVEN[start:stop]), FEATURES)
        made = made.merge(batch)
    assert made.count == 4 and made.compute() == pytest.approx(expected)
    assert expected["em"] == 50


def test_examples_that_fill_a_batch_do_not_count() -> None:
    made = metrics.ShardedSquad.from_model_output(EXAMPLES, _ids(GIVEN), FEATURES, mask=np.array([1, 0, 0, 0]))
    assert made.count == 1 and made.compute() == {"em": 100, "f1": 100}
    none = metrics.ShardedSquad.from_model_output(EXAMPLES, _ids(GIVEN), FEATURES, mask=np.zeros(4))
    assert none.merge(none).compute() == {"em": 0, "f1": 0}
