"""Evaluation examples by their runs."""

import numpy as np
import pytest

from t5mix.evaluation.overlap.hashed_runs import HashedTexts
from t5mix.evaluation.overlap.index import COMMON, EvaluationExamples, Index, Table


def split(*texts: str) -> EvaluationExamples:
    return EvaluationExamples("t", "test", texts, [""] * len(texts))


def test_a_table_finds_every_pair() -> None:
    ours, theirs = HashedTexts(["a b c a b", "b c"]).of_words(2), HashedTexts(["x b c", "a b"]).of_words(2)
    hits = Table(ours).find(theirs.hashes)
    table = Table(ours).runs
    found = {(int(table.text[o]), int(table.start[o]), int(t)) for o, t in zip(hits.ours, hits.theirs, strict=True)}
    assert found == {(0, 2, 1), (1, 0, 1), (0, 0, 2), (0, 6, 2)}


def test_examples_with_few_words_are_found_by_characters() -> None:
    index = Index([split("one two three", "somewhat longer"), split("a b")], words=3, characters=4)
    assert index.of_words.runs.text.tolist() == [0]
    assert sorted(index.of_characters.runs.text.tolist()) == [1] * (len("somewhat longer") - 3)
    assert index.num_runs.tolist() == [1, 12, 0]
    assert index.first.tolist() == [0, 2, 3]


def test_what_a_task_says_in_every_example_is_no_find() -> None:
    question = "is it so or is it not"
    many = [f"{question} {number} unlike others {number}" for number in range(COMMON + 1)]
    runs = Index([split(*many)], words=4, characters=50).of_words.runs
    shown = {many[int(t)][int(s) : int(e)] for t, s, e in zip(runs.text, runs.start, runs.stop, strict=True)}
    assert not any(run in question for run in shown)
    assert len(np.unique(runs.text)) == COMMON + 1


@pytest.mark.parametrize("splits", [[], [split()], [split(), split("a b c d")]])
def test_splits_without_examples_make_an_index(splits: list[EvaluationExamples]) -> None:
    index = Index(splits, words=2, characters=3)
    for table in (index.whole, index.of_words, index.of_characters):
        assert table.runs.hashes.dtype == np.uint64
        assert not len(table.find(HashedTexts(["other words"]).of_words(2).hashes).ours)
    assert index.num_runs.tolist() == [3] * (len(splits) == 2)
