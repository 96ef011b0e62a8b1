"""Columns of Arrow record batches, made of NumPy arrays."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


def ids_column(values: np.ndarray, lengths: np.ndarray) -> "pa.Array":
    """Returns a column of lists of token ids.

    Args:
        values: int32 [tokens], the lists, one behind the other.
        lengths: int64 [examples], tokens of each.
    """
    import pyarrow as pa

    splits = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=splits[1:])
    # Of buffers: `pyarrow.array` would load pandas, to see whether an array is pandas'.
    ids = pa.Array.from_buffers(pa.int32(), len(values), [None, pa.py_buffer(values)])
    return pa.Array.from_buffers(pa.large_list(pa.int32()), len(lengths), [None, pa.py_buffer(splits)], children=[ids])


def lists_column(values: np.ndarray, splits: np.ndarray) -> "pa.Array":
    """Returns a column of lists of numbers or texts.

    Args:
        values: [values], the lists, one behind the other.
        splits: integers [examples + 1], where each begins in them, and where the last ends.
    """
    import pyarrow as pa

    return pa.LargeListArray.from_arrays(pa.array(splits, pa.int64()), plain_column(values))


def plain_column(values: np.ndarray) -> "pa.Array":
    """Returns a column of numbers or texts, [examples]."""
    import pyarrow as pa

    return texts_column(values.tolist()) if values.dtype == object else pa.array(values)


def texts_column(texts: Sequence[bytes]) -> "pa.Array":
    """Returns a column of texts, [examples]."""
    import pyarrow as pa

    return pa.array(texts, pa.large_binary())
