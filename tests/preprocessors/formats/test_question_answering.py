"""Questions on texts: SQuAD's spans and TriviaQA in T5's format."""

from collections.abc import Callable
from pathlib import Path

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import t5mix
from t5mix import metrics, postprocessors, preprocessors


def squad(context: str, *answers: str) -> dict:
    return {"id": "7", "question": "Who?", "context": context, "answers": {"text": tf.constant(answers)}}


@pytest.mark.parametrize(
    ("context", "answer", "place"),
    [
        ("Ann and Bob sang.", "Bob", "start: 2 end: 2"),
        ("Ann and Bob sang.", "Ann and", "start: 0 end: 1"),
        ('It is  "here", (ok).', "ok", "start: 11 end: 11"),  # the empty words between spaces count
        ("Ann and Bob", "Bob", "start: 2 end: 2"),  # at the very end, where T5 drops it
        ("Ann and Bob", "Cy", None),
        ("Ann", "Ann and Bob", None),
    ],
)
def test_squad_spans(rows_of: Callable, context: str, answer: str, place: str | None) -> None:
    made = rows_of(preprocessors.squad_span_space_tokenized, squad(context, answer))
    assert [row["targets"] for row in made] == ([] if place is None else [place])


WORDS = st.lists(st.sampled_from(["Ann", "sang", "naïve", "U.S.", '"well",', "x_y", "3.14", "(é)", "-"]), min_size=1)


@settings(max_examples=25)
@given(WORDS, WORDS, WORDS)
def test_a_span_made_is_the_answer_again(before: list[str], answer: list[str], after: list[str]) -> None:
    example = squad(" ".join(before + answer + after), " ".join(answer))
    dataset = preprocessors.squad_span_space_tokenized(tf.data.Dataset.from_tensors(example))
    for row in dataset.as_numpy_iterator():
        target = postprocessors.span_qa(row["targets"].decode(), example=row, is_target=True)
        assert metrics.span_squad([target], [row["targets"].decode()])["em"] == 100


def trivia(answers: list[str], pages: list[str], results: list[str], question: str = "Who, then?") -> dict:
    return {
        "question": question,
        "answer": {"normalized_aliases": tf.constant(answers)},
        "entity_pages": {"wiki_context": tf.constant(pages, tf.string)},
        "search_results": {"search_context": tf.constant(results, tf.string)},
    }


def test_trivia_qa_has_an_example_for_each_answer_in_each_text(rows_of: Callable) -> None:
    made = rows_of(preprocessors.trivia_qa, trivia(["ann", "anna b"], ["ANN sang."], ["Bo sat.", "It was Anna\nB."]))
    page, result = (f"question: Who , then ? context: {text} . " for text in ("ANN sang", "It was Anna B"))
    assert made == [
        {"inputs": page, "targets": "ann"},
        {"inputs": result, "targets": "ann"},
        {"inputs": result, "targets": "anna b"},
    ]
    assert rows_of(preprocessors.trivia_qa, trivia(["ann"], [], ["Bo sat."])) == []
    assert rows_of(preprocessors.trivia_qa, trivia(["ann"], [], [])) == []


def test_trivia_qa_without_texts_is_refused(rows_of: Callable) -> None:
    with pytest.raises(ValueError, match="trivia_qa: no feature 'entity_pages' or 'search_results'"):
        rows_of(preprocessors.trivia_qa, {"question": "Who?", "answer": {"normalized_aliases": ["ann"]}})


def test_answers_are_no_regular_expressions(rows_of: Callable) -> None:
    made = rows_of(preprocessors.trivia_qa, trivia(["u.s.", "(", "c++"], ["u is s too", "In C++ (or U.S.)"], []))
    assert [row["targets"] for row in made] == ["u . s . ", " ( ", "c + + "]


def window(inputs: list[int], targets: list[int], limit: int | None, seed: int = 0) -> list[list[int]]:
    tokens = {"inputs": tf.constant(inputs, tf.int32), "targets": tf.constant(targets, tf.int32)}
    dataset = tf.data.Dataset.from_tensors({**tokens, "more": 1})
    lengths = None if limit is None else {"inputs": limit}
    with t5mix.map_seed_manager(seed):
        made = preprocessors.trivia_qa_truncate_inputs(dataset, None, lengths)
    for row in made:
        assert set(row) == {"inputs", "targets"} and row["targets"].numpy().tolist() == targets
    return [row["inputs"].numpy().tolist() for row in made]


@settings(max_examples=40)
@given(st.integers(1, 12), st.integers(0, 9), st.integers(1, 4), st.integers(0, 1000))
def test_the_window_holds_the_answer(limit: int, start: int, size: int, seed: int) -> None:
    inputs = list(range(100, 110))
    answer = inputs[start : start + size]
    made = window(inputs, answer, limit, seed)
    if len(inputs) <= limit:
        assert made == [inputs]
    elif len(answer) > limit:
        assert made == []
    else:
        (kept,) = made
        assert len(kept) == limit and kept == inputs[kept[0] - 100 : kept[0] - 100 + limit]
        assert set(answer) <= set(kept)


def test_windows_without_the_answer_are_dropped_and_every_one_is_drawn() -> None:
    assert window([1, 2, 3, 4], [9], 3) == [] and window([1, 2, 3], [9], 3) == [[1, 2, 3]]
    assert window([1, 2, 3, 4], [9], None) == [[1, 2, 3, 4]]
    assert window([1, 2, 3, 4, 5], [1, 2, 3, 4], 3) == []  # the answer is longer than the window
    assert window([1, 2, 3, 4], [], 4) == [[1, 2, 3, 4]] and len(window([1, 2, 3, 4], [], 3)[0]) == 3
    drawn = {tuple(window([3, 5, 7, 9, 11, 13], [5, 7], 4, seed)[0]) for seed in range(0, 20, 2)}
    assert drawn == {(3, 5, 7, 9), (5, 7, 9, 11)}


def test_real_examples(shared_data: Path) -> None:
    record = t5mix.TfdsDataSource("super_glue/record:1.0.2", str(shared_data / "tfds"))
    raw = list(record.get_dataset("validation", shuffle=False).as_numpy_iterator())
    made = list(preprocessors.record(record.get_dataset("validation", shuffle=False)).as_numpy_iterator())
    assert len(made) == sum(max(len(row["answers"]), 1) for row in raw)
    assert not any(b"@highlight" in row["inputs"] for row in made)
    squad = t5mix.TfdsDataSource("squad/v1.1:3.0.0", str(shared_data / "tfds"))
    spans = preprocessors.squad_span_space_tokenized(squad.get_dataset("validation", shuffle=False))
    rows = list(spans.as_numpy_iterator())
    assert len(rows) > 0.95 * squad.num_input_examples("validation")
    places = [row["targets"].decode() for row in rows]
    targets = [postprocessors.span_qa(place, row, is_target=True) for place, row in zip(places, rows, strict=True)]
    assert metrics.span_squad(targets, places) == {"em": 100.0, "f1": 100.0}
