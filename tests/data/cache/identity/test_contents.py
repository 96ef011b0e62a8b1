"""The hash of tokens follows ids and examples, however they are divided."""

import pyarrow as pa

from t5mix.data.cache.identity import contents


def _batches(*parts):
    lists = [pa.array(part, pa.large_list(pa.int32())) for part in parts]
    return [pa.RecordBatch.from_arrays([array], ["targets"]) for array in lists]


def test_batches_and_slices_change_nothing():
    whole = contents.digest(_batches([[1, 2], [], [3]]))
    assert whole == contents.digest(_batches([[1, 2]], [[], [3]])) == contents.digest(_batches([], [[1, 2], [], [3]]))
    (longer,) = _batches([[9], [1, 2], [], [3], [4]])
    assert whole == contents.digest([longer.slice(1, 3)])


def test_ids_and_boundaries_count():
    cases = ([[1, 2], [3]], [[1], [2, 3]], [[1, 2], [4]], [[1, 2], [3], []], [[2, 1], [3]])
    assert len({contents.digest(_batches(case)) for case in cases}) == len(cases)


def test_texts_and_names_of_columns_count():
    def of(name, *texts):
        return contents.digest([pa.RecordBatch.from_arrays([pa.array(texts)], [name])])

    assert len({of("a", "x", "y"), of("a", "xy"), of("b", "x", "y")}) == 3
