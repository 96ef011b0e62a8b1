"""Lists of different lengths in one array."""

import numpy as np

from t5mix.internal.ragged import Ragged, ranges


def test_ragged_lists():
    lists = Ragged.of([np.array([1, 2], np.int32), np.array([], np.int32), np.array([3], np.int32)])
    assert [row.tolist() for row in lists.rows()] == [[1, 2], [], [3]]
    assert [row.tolist() for row in lists.take(np.array([2, 0, 2])).rows()] == [[3], [1, 2], [3]]
    kept = lists.where(np.array([False, True, True]))
    assert kept.values.tolist() == [2, 3] and kept.lengths.tolist() == [1, 0, 1]
    assert Ragged.empty(2).rows()[1].tolist() == [] and Ragged.of([]).rows() == []


def test_lists_joined_and_ranges():
    one, other = Ragged.of([np.array([1, 2], np.int32)]), Ragged.of([np.array([], np.int32), np.array([3], np.int32)])
    assert [row.tolist() for row in Ragged.joined([one, other]).rows()] == [[1, 2], [], [3]]
    assert ranges(np.array([5, 0, 2]), np.array([2, 0, 3])).tolist() == [5, 6, 2, 3, 4]
