"""Many examples read at once are what one after the other gives."""

import numpy as np
import pytest

from t5mix.data.cache import columns
from t5mix.data.examples.trim_and_eos import TrimAndEos


def _column(rng, chunks):
    values, offsets = [], []
    for _ in range(chunks):
        bounds = np.cumsum(np.concatenate([[0], rng.integers(0, 9, rng.integers(1, 30))]))
        values.append(rng.integers(2, 1000, bounds[-1]).astype(np.int32))
        offsets.append(bounds)
    return columns.ArrayColumn(tuple(values), tuple(offsets))


def _joined(rows):  # int32 whatever the rows are
    return np.concatenate([*rows, np.empty(0, np.int32)]).astype(np.int32), np.array(
        [len(row) for row in rows], np.int64
    )


def _same(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("chunks", [1, 2, 7])
@pytest.mark.parametrize("count", [0, 1, 50])
def test_gathered_examples_are_the_rows_in_the_order_asked_for(chunks, count):
    rng = np.random.default_rng([chunks, count])
    column = _column(rng, chunks)
    indices = rng.integers(0, column.first_rows[-1], count)
    rows = [column.row(int(index)) for index in indices]
    _same(column.gather(indices), _joined(rows))
    most = rng.integers(0, 9, count)
    _same(column.gather(indices, most), _joined([row[:limit] for row, limit in zip(rows, most, strict=True)]))
    np.testing.assert_array_equal(column.lengths_of(indices), column.lengths[indices])
    ended = columns.EndedColumn(column, 1)
    _same(ended.gather(indices), _joined([np.append(row, np.int32(1)) for row in rows]))
    np.testing.assert_array_equal(ended.lengths_of(indices), ended.lengths[indices])


@pytest.mark.parametrize("eos", [None, 1])
@pytest.mark.parametrize("trims_first", [False, True])
@pytest.mark.parametrize("limit", [1, 4, 20])
def test_many_sequences_end_as_one_does(eos, trims_first, limit):
    rng = np.random.default_rng(limit)
    column, end = _column(rng, 3), TrimAndEos(limit, eos, trims_first)
    indices = rng.integers(0, column.first_rows[-1], 60)
    expected = _joined([end.apply(column.row(int(index))) for index in indices])
    _same(end.gather(column, indices), expected)
    _same(end.apply_to_rows(*column.gather(indices)), expected)


@pytest.mark.parametrize("chunks", [1, 5])
def test_pieces_are_those_of_the_joined_examples(chunks):
    rng = np.random.default_rng(chunks)
    column = _column(rng, chunks)
    ended = columns.EndedColumn(column, 1)
    everything = np.arange(column.count)
    for one in (column, ended):
        text, lengths = one.gather(everything)
        np.testing.assert_array_equal(one.lengths, lengths)
        assert one.tokens == len(text) == one.first_tokens[-1]
        starts, stops = np.sort(rng.integers(0, len(text) + 1, (80, 2)), axis=1).T
        _same(one.spans(starts, stops), _joined([text[a:b] for a, b in zip(starts, stops, strict=True)]))
        _same(one.spans(starts[:0], stops[:0]), _joined([]))
        np.testing.assert_array_equal(one.span(0, len(text)), text)
    np.testing.assert_array_equal(column.begins(np.arange(column.count + 1)), np.cumsum([0, *column.lengths]))


def test_a_feature_that_no_example_has_is_empty():
    column = columns.EmptyColumn(3)
    _same(column.gather(np.array([2, 0])), _joined([[], []]))
    _same(column.spans(np.array([0]), np.array([0])), _joined([[]]))
    _same(columns.EndedColumn(column, 1).spans(np.array([0]), np.array([3])), _joined([np.ones(3, np.int32)]))
