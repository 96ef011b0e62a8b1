"""Batching changes neither what is answered nor its order."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t5mix.evaluation import decoding
from t5mix.evaluation.decoding import Answer, batched, first_answers, scored, strip
from t5mix.internal.terminal import Progress

inputs = st.lists(st.lists(st.integers(2, 99), max_size=7), max_size=23)


def reversing(seen: list[tuple[int, int]]):
    """A decoder whose answer to a row is the row's tokens reversed, then EOS, then padding."""

    def decode(batch: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        assert batch.dtype == numbers.dtype == np.int32
        assert not batch[numbers < 0].any()
        seen.append(batch.shape)
        out = np.zeros((len(batch), batch.shape[1] + 2), np.int32)
        for row, ids in enumerate(batch):
            tokens = ids[ids > 0][::-1]
            out[row, : len(tokens)] = tokens
            out[row, len(tokens)] = 1
        return out[:, None], numbers[:, None] + 0.5

    return decode


@settings(max_examples=60, deadline=None)
@given(inputs, st.integers(1, 9))
def test_each_input_gets_its_own_answer(rows: list[list[int]], batch_size: int) -> None:
    seen: list[tuple[int, int]] = []
    answers = batched(reversing(seen), batch_size, 7)(rows)
    assert answers == [[Answer(row[::-1], number + 0.5)] for number, row in enumerate(rows)]
    assert seen == [(batch_size, 7)] * -(-len(rows) // batch_size)


def test_long_inputs_come_first() -> None:
    first_column: list[int] = []

    def decode(batch: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        first_column.append(int((batch > 0).sum()))
        return batch[:, None], np.zeros((len(batch), 1))

    batched(decode, 1, 4)([[5], [5, 5, 5], [5, 5]])
    assert first_column == [3, 2, 1]


@given(inputs, st.integers(1, 9), st.integers(1, 6))
def test_short_inputs_get_the_same_answers_in_shorter_rows(rows: list[list[int]], batch_size: int, enough: int) -> None:
    seen: list[tuple[int, int]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "_EXAMPLES", enough)
        answer = first_answers(batched(reversing(seen), batch_size, 7, shorter=[4, 2]))
        assert answer(rows) == [row[::-1] for row in rows]
    sizes = [len(row) for row in rows]
    by_two = sum(size <= 2 for size in sizes) >= enough
    by_four = sum(size <= 4 and not (by_two and size <= 2) for size in sizes) >= enough
    lengths = [7, *[4] * by_four, *[2] * by_two]
    firsts = sorted(sizes, reverse=True)[::batch_size]  # the longest of each batch
    assert seen == [(batch_size, min(length for length in lengths if first <= length)) for first in firsts]


def test_an_input_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="input 1 has 5 tokens, but the decoder takes 4"):
        batched(lambda batch, numbers: (batch, numbers), 2, 4)([[1], [2, 2, 2, 2, 1]])


def test_strip_ends_at_eos() -> None:
    assert strip([7, 0, 8, 1, 9, 1]) == [7, 0, 8]
    assert strip([7, 8, 0, 0]) == [7, 8]
    assert strip([1]) == strip([]) == []
    assert strip([7, 1, 5], eos_id=5) == [7, 1]


targets = st.lists(st.lists(st.integers(2, 99), min_size=1, max_size=11), max_size=4)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.lists(st.integers(2, 99), max_size=7), targets), max_size=23), st.integers(1, 9))
def test_each_target_gets_its_own_score(pairs: list[tuple[list[int], list[list[int]]]], batch_size: int) -> None:
    shapes: set[tuple[int, ...]] = set()

    def score(batch: np.ndarray, given: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        assert batch.shape == (batch_size, 7) and not batch[numbers < 0].any()
        shapes.add(given.shape)
        return batch.sum(axis=1)[:, None] * 1000.0 + given.sum(axis=2)

    inputs, given = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    found = scored(score, batch_size, 7)(inputs, given)
    assert found == [[sum(ids) * 1000.0 + sum(target) for target in several] for ids, several in pairs]
    assert len(shapes) <= 1 and all(length in (8, 16) for _, _, length in shapes)


def test_scoring_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(decoding, "Progress", functools.partial(Progress, every=0))

    def score(batch: np.ndarray, given: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        return given.sum(axis=2)

    assert scored(score, 2, 4)([[1], [2], [3]], [[[5]], [[6]], [[7]]]) == [[5], [6], [7]]
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(",")[0] for line in lines] == ["scoring: 2 of 3", "scoring: 3 of 3"]
