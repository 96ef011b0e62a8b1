"""Tokenization in threads, ahead of the one that reads texts and writes tokens.

SentencePiece works without Python's lock; what is Python's goes on meanwhile. A call takes one thread, so that what
Python does of it, before and after, keeps no other waiting; and the texts of many small tasks, for a call costs more
than what few texts do.
"""

import collections
import concurrent.futures
import itertools
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from t5mix.data.tokenization import arrow
from t5mix.data.tokenization.task_shard import Chunk, ShardId
from t5mix.data.tokenization.tokenizers import Tokenizer, TokenizeStep, cores

if TYPE_CHECKING:
    import pyarrow as pa

# Columns of some examples, by name.
Columns = dict[str, "pa.Array"]

# Bytes of texts that are worth a call.
_AT_ONCE = 1 << 20
# Threads, at most: reading and writing feeds no more.
_THREADS = 8
# How many calls are asked for besides those that are at work.
_QUEUED = 1


def tokenized(chunks: Iterable[Chunk]) -> Generator[tuple[ShardId, Columns]]:
    """Yields the shard of each chunk and its columns, in order; close it when it is not read to its end."""
    workers = min(cores(), _THREADS)
    with concurrent.futures.ThreadPoolExecutor(workers, "t5mix-tokenize") as pool:
        begun: collections.deque[concurrent.futures.Future[list[tuple[ShardId, Columns]]]] = collections.deque()
        try:
            for group in _groups(chunks):
                begun.append(pool.submit(_columns, group))
                if len(begun) > workers + _QUEUED:
                    yield from begun.popleft().result()
            while begun:
                yield from begun.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _groups(chunks: Iterable[Chunk]) -> Iterator[list[Chunk]]:
    """Yields chunks that are worth a call together."""
    group: list[Chunk] = []
    size = 0
    for chunk in chunks:
        group.append(chunk)
        size += _size(chunk)
        if size >= _AT_ONCE:
            yield group
            group, size = [], 0
    if group:
        yield group


def _size(chunk: Chunk) -> int:
    """Returns the bytes of a chunk."""
    texts = sum(sum(map(len, column)) for column in chunk.texts.values())
    return texts + sum(column.nbytes for column in chunk.columns.values())


def _columns(group: Sequence[Chunk]) -> list[tuple[ShardId, Columns]]:
    """Returns the columns of each chunk; the texts of all are tokenized by one call of each tokenizer."""
    calls: dict[Tokenizer, list[tuple[int, str, TokenizeStep]]] = {}
    for number, chunk in enumerate(group):
        if chunk.step is not None:
            for name in chunk.texts:
                calls.setdefault(chunk.step.tokenizers[name], []).append((number, name, chunk.step))
    made: list[Columns] = [dict(chunk.columns) for chunk in group]
    for tokenizer, features in calls.items():
        texts = [group[number].texts[name] for number, name, _ in features]
        found = split(*tokenizer(list(itertools.chain.from_iterable(texts)), threads=1), list(map(len, texts)))
        for (number, name, step), ids in zip(features, found, strict=True):
            made[number][name] = arrow.ids_column(*step.ended(name, *ids))
    return [(chunk.shard, columns) for chunk, columns in zip(group, made, strict=True)]


def split(values: np.ndarray, lengths: np.ndarray, counts: Sequence[int]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields the ids and lengths of the first `counts[0]` texts, of the next `counts[1]`, and so on.

    Args:
        values: int32 [tokens], the ids of all texts, one behind the other.
        lengths: int64 [texts].
        counts: how many texts stand together.
    """
    ends = np.append(0, np.cumsum(lengths)).tolist()
    first = 0
    for count in counts:
        yield values[ends[first] : ends[first + count]], lengths[first : first + count]
        first += count
