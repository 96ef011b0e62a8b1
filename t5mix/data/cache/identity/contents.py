"""The content of tokens: a hash that knows neither files nor batches."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np


def digest(batches: Sequence[Any]) -> str:
    """Returns a sha256, as hex, of the examples in record batches; how they are divided changes nothing.

    Args:
        batches: `pyarrow.RecordBatch`es with the same columns.
    """
    total = hashlib.sha256()
    if any(batch.num_rows for batch in batches):
        for name in sorted(batches[0].schema.names):
            total.update(f"{name}:{_column([batch.column(name) for batch in batches])}".encode())
    return total.hexdigest()


def _column(arrays: Sequence[Any]) -> str:
    import pyarrow as pa

    values, lengths = hashlib.sha256(), hashlib.sha256()
    for array in arrays:
        if array.type != pa.large_list(pa.int32()):  # texts and numbers that steps behind the cache ask for
            values.update("".join(f"{each!r}," for each in array.to_pylist()).encode())
        elif len(array):
            # Of buffers: `to_numpy` would load pandas.
            _, splits, *_, ids = array.buffers()
            bounds = np.frombuffer(splits, np.int64, len(array) + 1, 8 * array.offset)
            lengths.update(np.diff(bounds).data)
            if bounds[0] < bounds[-1]:
                values.update(np.frombuffer(ids, np.int32)[bounds[0] : bounds[-1]].data)
    return values.hexdigest() + lengths.hexdigest()
