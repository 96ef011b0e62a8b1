"""The ledger, against a search of every text in every other, and by planted examples."""

import functools
import random
import string

import pytest

import t5mix
from t5mix import preprocessors
from t5mix.evaluation.overlap import texts
from t5mix.evaluation.overlap.index import EvaluationExamples
from t5mix.evaluation.overlap.ledger import Ledger, make_ledger
from t5mix.evaluation.overlap.normalized import normalized

Rows = list[tuple[str, str]]
LETTERS = string.ascii_lowercase[:6]


def data(rows: Rows, split: str, shuffle_files: bool):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices({"inputs": [a for a, _ in rows], "targets": [b for _, b in rows]})


def task(name: str, rows: Rows) -> t5mix.Task:
    return t5mix.Task(
        name,
        source=t5mix.FunctionDataSource(functools.partial(data, rows), splits=["train"]),
        preprocessors=[preprocessors.tokenize, preprocessors.append_eos],
        output_features={key: t5mix.Feature(t5mix.ByteVocabulary()) for key in ("inputs", "targets")},
    )


def ledger(training: dict[str, Rows], asked: Rows, **arguments) -> Ledger:
    split = EvaluationExamples("asked", "test", [a for a, _ in asked], [b for _, b in asked])
    return make_ledger([task(name, rows) for name, rows in training.items()], [split], **arguments)


def kinds(found: Ledger) -> dict[int, str]:
    return {entry.index: entry.kind for entry in found.entries}


def test_planted_examples_are_found_by_kind() -> None:
    sentence = "The quick brown fox jumps over the lazy dog, and then it sleeps until Monday."
    asked = [
        (sentence, "yes"),
        ("A sentence that nobody has written down before this very day, as far as I can tell.", "no"),
        ("Short one.", "no"),
        ("Twelve words or fewer, yet more than fifty characters altogether, surely", "no"),
    ]
    training = {
        "verbatim": [("a: something else", "x"), (f"a: {sentence}", "yes"), ("a: short  ONE", "yes")],
        "part": [(f"b: They say: {sentence[4:70]} or so", "x"), ("b: other", "x")],
        "letters": [("c: more than fifty characters altogether; surely not fewer", "x"), ("c: d", "")],
    }
    found = ledger(training, asked, characters=40)
    assert kinds(found) == {0: "exact", 2: "normalized", 3: "run"}
    first, second, _ = found.entries
    assert [(m.kind, m.task, m.index) for m in first.matches] == [("exact", "verbatim", 1), ("run", "part", 0)]
    assert (first.same_target, second.same_target) == (True, False)
    assert first.share == 1.0
    assert found.trained_on == {"verbatim": 3, "part": 2, "letters": 2}
    assert found.splits == {("asked", "test"): 4}


def test_an_exact_example_is_found_behind_texts_that_share_more_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "AT_ONCE", 20)
    rows = [(f"say: who wrote {book}", "x") for book in ("Emma", "Ulysses", "Beloved")] + [("say: no", "x")]
    found = ledger({"sorted": rows}, [("who wrote Emma", "x"), ("who wrote Beloved", "y")])
    assert kinds(found) == {0: "exact", 1: "exact"}
    assert [entry.same_target for entry in found.entries] == [True, False]


def test_targets_are_looked_up_too() -> None:
    text = "one two three four five"
    assert kinds(ledger({"lm": [("", f"before {text} behind"), ("", "x")]}, [(text, "")], words=5)) == {0: "run"}


@pytest.mark.parametrize("seed", range(5))
def test_as_a_search_of_every_text_in_every_other(seed: int) -> None:
    generator = random.Random(seed)

    def text() -> str:
        return " ".join(generator.choices(LETTERS, k=generator.randrange(1, 14)))

    rows = [(f"say: {text()}", text()) for _ in range(60)]
    asked = [(text(), "") for _ in range(60)]
    expected = {}
    for number, (question, _) in enumerate(asked):
        words = question.split()
        if len(words) >= 4:
            runs = {" ".join(words[i : i + 4]) for i in range(len(words) - 3)}
            held = [any(f" {run} " in f" {part} " for run in runs) for pair in rows for part in trained(pair)]
        else:
            runs = {question[i : i + 3] for i in range(len(question) - 2)}
            held = [any(run in part for run in runs) for pair in rows for part in trained(pair)]
        if any(question == part for pair in rows for part in trained(pair)):
            expected[number] = "exact"
        elif any(held):
            expected[number] = "run"
    assert kinds(ledger({"rows": rows}, asked, words=4, characters=3)) == expected
    assert {"exact", "run"} <= set(expected.values())


def trained(pair: tuple[str, str]) -> list[str]:
    return [normalized(pair[0].removeprefix("say: ")), normalized(pair[1])]


def test_equal_hashes_alone_are_no_match(monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    from t5mix.evaluation.overlap import hashed_runs

    monkeypatch.setattr(hashed_runs, "_hashes", lambda sums, start, stop: np.zeros(len(start), dtype=np.uint64))
    assert kinds(ledger({"rows": [("x: a b c", ""), ("x: d e f", "")]}, [("g h i", ""), ("d e f", "")], words=2)) == {
        1: "exact"
    }


def test_numbers_are_checked() -> None:
    with pytest.raises(ValueError, match="give at least 1"):
        ledger({"rows": [("a", "b")]}, [("a", "b")], words=0)
