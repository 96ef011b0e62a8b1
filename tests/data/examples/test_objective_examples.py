"""Segments of documents, found without holding where each of many begins; and what tasks are measured by."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t5mix.data.cache import columns
from t5mix.data.examples import base, objective_examples


def _text(lengths):
    return columns.ArrayColumn((np.zeros(sum(lengths), np.int32),), (np.append(0, np.cumsum(lengths)).astype(int),))


def _segments(lengths, size):
    """Where segments start and stop, one document after the other."""
    begins = np.cumsum(lengths) - lengths
    return [
        (begin + start, begin + min(start + size, length))
        for begin, length in zip(begins.tolist(), lengths, strict=True)
        for start in range(0, length, size)
    ]


@pytest.mark.parametrize("few", [0, 1000])
@given(lengths=st.lists(st.integers(0, 9), min_size=1, max_size=40), size=st.integers(1, 5))
def test_segments_are_those_of_each_document(few, lengths, size):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(objective_examples, "_FEW", few)
        patched.setattr(objective_examples, "_DOCUMENTS", 4)
        patched.setattr(objective_examples, "_DOCUMENTS_AT_ONCE", 12)
        found = objective_examples._Apart(_text(lengths), size)
        expected = _segments(lengths, size)
        assert found.count == len(expected)
        order = np.random.default_rng(0).integers(0, max(found.count, 1), 50 if expected else 0)
        starts, stops = found.of(order)
        assert list(zip(starts.tolist(), stops.tolist(), strict=True)) == [expected[index] for index in order]


@pytest.mark.parametrize(
    ("count", "most", "run"), [(5, 10, 2), (10, 10, 5), (1000, 100, 10), (101, 100, 50), (7, 3, 1)]
)
def test_a_sample_reaches_from_the_first_to_the_last_example(count, most, run):
    sample = base.spread_evenly(count, most, run)
    assert sample[0] == 0 and sample[-1] == count - 1 and (np.diff(sample) > 0).all()
    assert len(sample) == count if count <= most else most // 2 <= len(sample) <= most
