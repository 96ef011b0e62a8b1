"""From a task's source to Arrow record batches: reading, the steps before the cache, tokenization.

A shard is read chunk by chunk, by `without_tensorflow` where that can, else by `with_tensorflow`; `thread_pool`
tokenizes the chunks' texts meanwhile; what is ready is joined to record batches, which the cache's `writer` takes.
"""

from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING

from t5mix.data.tokenization import thread_pool, with_tensorflow, without_tensorflow
from t5mix.data.tokenization.task_shard import TaskShard

if TYPE_CHECKING:
    import pyarrow as pa

# Tokens after which a record batch is full.
_TOKENS_IN_BATCH = 1 << 20


def record_batches(shard: TaskShard) -> "Generator[pa.RecordBatch, None, None]":
    """Yields the examples of a shard as the steps before the cache leave them, in source order.

    Raises:
        ValueError: naming the task and the feature, when a required feature is missing or an id lies outside its
            vocabulary; naming the task, when its examples are others each time.
    """
    chunks = without_tensorflow.chunks(shard)
    if chunks is None:
        chunks = with_tensorflow.chunks(shard)
    return joined(columns for _, columns in thread_pool.tokenized(chunks))


def joined(chunks: Iterable[thread_pool.Columns]) -> "Generator[pa.RecordBatch, None, None]":
    """Joins the columns of a shard's chunks to record batches of about as many tokens; an empty chunk is passed by."""
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    tokens = 0
    for columns in filter(None, chunks):
        names = sorted(columns)
        held.append(pa.RecordBatch.from_arrays([columns[name] for name in names], names))
        tokens += sum(column.nbytes for column in columns.values()) // 4
        if tokens >= _TOKENS_IN_BATCH:
            yield _one(held)
            held, tokens = [], 0
    if held:
        yield _one(held)


def _one(batches: "list[pa.RecordBatch]") -> "pa.RecordBatch":
    import pyarrow as pa

    if len(batches) == 1:
        return batches[0]
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]
