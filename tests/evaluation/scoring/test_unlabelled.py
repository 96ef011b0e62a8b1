"""Splits whose answers are not published, in each form that data sets give them; and splits that only look so."""

from typing import Any

import numpy as np
import pytest

import t5mix
from t5mix import test_utils
from t5mix.evaluation.scoring.unlabelled import HIDDEN, hidden_words, labelled, why_not_scored
from t5mix.internal import paths

BYTES = t5mix.ByteVocabulary()
TASK = t5mix.Task(
    "t",
    t5mix.FunctionDataSource(lambda split, shuffle_files: None, ["test"]),
    {"inputs": t5mix.Feature(BYTES), "targets": t5mix.Feature(BYTES)},
)


def examples(*texts: str, **fields: Any) -> list[dict[str, Any]]:
    return [
        {"targets_pretokenized": text.encode(), **{k: v[i] for k, v in fields.items()}} for i, text in enumerate(texts)
    ]


def why(texts: list[str], targets: list[Any] | None = None, **fields: Any) -> str | None:
    return why_not_scored(TASK, examples(*texts, **fields), texts if targets is None else targets)


MINUS = np.array([-1, -1, -1])

HIDDEN_ONES = {
    "GLUE": (["<unk>"] * 3, [-1] * 3, {}),
    "no text": (["", " ", ""], None, {}),
    "some of both": (["<unk>", "", "<unk>"], None, {}),
    "STS-B": (["-1.0"] * 3, [-1.0] * 3, {}),
    "a mean of nothing": (["nan"] * 3, None, {}),
    "MultiRC": (["<unk>"] * 3, [{"value": -1, "group": i} for i in range(3)], {}),
    "ReCoRD": (["<unk>"] * 3, [{"value": [], "group": (i, 0)} for i in range(3)], {}),
    "WSC": (["Bob", "Ann", "the hat"], [-1] * 3, {"label": MINUS}),
    "SQuAD": (["a", "b", "c"], [[], [], []], {}),
    "spans": (["a", "b", "c"], [{"answers": [], "context": "x"}] * 3, {}),
    "a word of the last label": (["no"] * 3, [0] * 3, {"label": MINUS}),
    "a mark that no label is": (["?"] * 3, [-1] * 3, {}),
}


@pytest.mark.parametrize("what", list(HIDDEN_ONES))
def test_answers_that_are_not_there(what: str) -> None:
    texts, targets, fields = HIDDEN_ONES[what]
    assert why(texts, targets, **fields)


KNOWN = {
    "labels": (["no", "yes", "no"], [0, 1, 0], {"label": np.array([0, 1, 0])}),
    "one label": (["no"] * 3, [0] * 3, {"label": np.array([0, 0, 0])}),
    "a postprocessor of other words": (["no", "yes", "no"], [-1] * 3, {"label": np.array([0, 1, 0])}),
    "numbers, one of them -1": (["-1", "0", "1"], [-1.0, 0.0, 1.0], {}),
    "a label -1 with a word of its own": (["bad", "good", "bad"], [0, 1, 0], {"label": np.array([-1, 1, -1])}),
    "questions, some without an answer": (["", "Paris", ""], [[""], ["Paris"], [""]], {}),
}


@pytest.mark.parametrize("what", list(KNOWN))
def test_answers_that_are_there(what: str) -> None:
    texts, targets, fields = KNOWN[what]
    assert why(texts, targets, **fields) is None


def test_texts_that_are_not_kept_are_known_by_their_tokens() -> None:
    pieces = t5mix.SentencePieceVocabulary(str(paths.shipped("tasks") / "offline.model"))
    task = TASK.replace(output_features={name: t5mix.Feature(pieces) for name in ("inputs", "targets")})
    ids = np.array(pieces.encode(HIDDEN), np.int32)
    assert why_not_scored(task, [{"targets": ids}] * 2, ())
    assert not labelled(task, [pieces.decode(ids.tolist()), "no"]) == [0, 1] and "" not in hidden_words(task)
    assert list(labelled(task, ["a", HIDDEN, "b"])) == [0, 2] and list(labelled(task, [HIDDEN] * 2)) == [0, 1]


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
    assert hidden_words(TASK.replace(output_features={"targets": t5mix.Feature(vocabulary)})) >= words
