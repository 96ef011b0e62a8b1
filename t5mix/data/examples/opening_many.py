"""Opening many tasks at once, where that takes tokenizing them."""

import concurrent.futures
import contextlib
import dataclasses
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from t5mix.data.cache import store
from t5mix.data.cache.writer import Job
from t5mix.data.tokenization import record_batches, thread_pool
from t5mix.data.tokenization.tokenizers import cores
from t5mix.sources import TextLineDataSource

_Task = TypeVar("_Task")
_Opened = TypeVar("_Opened")


# Bytes of text of a small task, at most.
_SMALL = 1 << 22


def tokens_of_small(
    jobs: Mapping[int, Job], folder: Path, progress: store.Progress | None = None
) -> Iterator[tuple[int, store.CachedTokens]]:
    """Makes the caches of small tasks of text files, tokenizing the lines of many at once; yields numbers and tokens.

    Others are left out, as are caches that are there.

    Args:
      jobs: caches, by number.
      folder: the folder of caches.
      progress: see `store.Progress`.
    """
    small = (number for number, job in jobs.items() if _is_small(job))
    lacking = (number for number in small if not os.path.exists(store.place_of(jobs[number], folder)))
    texts = (
        dataclasses.replace(some, place=(number, shard))
        for number in lacking
        for shard, part in enumerate(_texts(jobs[number]))
        for some in part
    )
    with contextlib.closing(thread_pool.tokenized(texts)) as tokenized:
        for number, parts in itertools.groupby(tokenized, key=lambda one: one[0][0]):
            yield number, store.made(jobs[number], folder, progress, _by_shard(parts))


def _is_small(job: Job) -> bool:
    """Tells whether a task may be cached and is of small text files, at little cost: its key takes reading these."""
    source = job.task.source
    if type(source) is not TextLineDataSource or not source.caching_permitted:
        return False
    paths = job.source_shards
    return not any("://" in path for path in paths) and sum(map(os.path.getsize, paths)) <= _SMALL


def _texts(job: Job) -> Sequence[Iterator[thread_pool.Texts]]:
    """Returns the texts of each shard of a task of text files, or nothing when it takes `tf.data` to make them."""
    found = [record_batches.plain_texts(job, shard) for shard in range(job.num_shards)]
    shards = [shard for shard in found if shard is not None]
    return shards if len(shards) == len(found) else ()


def _by_shard(parts: Iterator[tuple[thread_pool.Place, thread_pool.Ids]]) -> Callable[[int], Iterator[Any]]:
    """Returns what gives the record batches of each shard, asked for in order."""
    shards = itertools.groupby(parts, key=lambda one: one[0][1])

    def batches(shard: int) -> Iterator[Any]:
        number, part = next(shards)
        assert number == shard
        return record_batches.plain_batches(ids for _, ids in part)

    return batches


def in_order(open_one: Callable[[_Task], _Opened], tasks: Iterable[_Task]) -> list[_Opened]:
    """Returns what `open_one` makes of each task, some tasks at a time.

    SentencePiece works without Python's lock: while one thread tokenizes a small task, another reads and writes.  The
    first task's error, in order, is raised, and the tasks that nobody has begun are left.
    """
    workers = min(cores(), 4)
    if workers == 1:
        return [open_one(task) for task in tasks]
    with concurrent.futures.ThreadPoolExecutor(workers, "t5mix-open") as pool:
        futures = [pool.submit(open_one, task) for task in tasks]
        try:
            return [future.result() for future in futures]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
