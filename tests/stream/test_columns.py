"""Many examples read at once are what one after the other gives."""

import numpy as np
import pytest

from t5mix.stream import columns
from t5mix.stream.endings import Ending


def _column(rng, chunks):
    values, offsets = [], []
    for _ in range(chunks):
        bounds = np.cumsum(np.concatenate([[0], rng.integers(0, 9, rng.integers(1, 30))]))
        values.append(rng.integers(2, 1000, bounds[-1]).astype(np.int32))
        offsets.append(bounds)
    return columns.TokenColumn(tuple(values), tuple(offsets))


def _joined(rows):
    return np.concatenate([*rows, np.empty(0, np.int32)]), np.array([len(row) for row in rows], np.int64)


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
    column, end = _column(rng, 3), Ending(limit, eos, trims_first)
    indices = rng.integers(0, column.first_rows[-1], 60)
    expected = _joined([end.apply(column.row(int(index))) for index in indices])
    _same(end.gather(column, indices), expected)
    _same(end.apply_to_rows(*column.gather(indices)), expected)
